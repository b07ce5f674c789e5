"""Turn weights in GGUF into what vLLM serves; run by vLLM's own Python: ``live_weights.py FILE.gguf FOLDER``."""

import importlib
import sys
from pathlib import Path
from typing import Any


def convert(gguf: Path, folder: Path) -> None:
    """Write the model, unquantised, and its tokeniser, which carries the chat template."""
    torch: Any = importlib.import_module("torch")  # these are in vLLM's environment, and in no other
    transformers: Any = importlib.import_module("transformers")
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    loaded = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    config = transformers.AutoConfig.from_pretrained(**where)
    plain = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())  # the loaded one refuses to be saved, since it came quantised
    plain.to(torch.bfloat16).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
