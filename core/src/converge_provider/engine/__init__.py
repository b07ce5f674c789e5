"""
Run a decision: call the chosen backend, go on to the next one that is allowed, keep the record.

The rooms, from the front door inwards::

    engine        what a host calls                         sync, sync_stream, own_loop   the same for plain threads
    composing     from configuration and plugins            loops          one engine serves one event loop
    asking        what is asked, in one value               answers/       typed and formatted answers, checked
    course        the one loop over attempts                picking        who is called next
    chats, streams what it does with each candidate         continuing     a stream that goes on at another backend
    relay, job_*  requests that go on byte for byte         local_engines  engines that run on one's own machines
    settings      how it holds out when backends fail       retrying, hedging the same backend again, two side by side
    bars          who is out of the running, and why        verdicts       what a failure means for the next attempt
    guards, guarding/ limits, budgets and the like          deadlines      one deadline over everything
    trial         an attempt under way                      outcomes       an attempt that is over
    account       what happened, told to all below          failures       the one error that a caller gets
    journal/      the record, in memory or in a file        notices, observation   what observers are told, and how
    state         what is remembered of backends            logs           one line per decision and attempt
    handles       opened backends                           events         events from a chat, a chat from events
    clock         time, injected                            parts          all of these in one value
"""

from converge_provider.engine.engine import Engine
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.replies import Reply

__all__ = ("Attempt", "Engine", "Outcome", "Reply")
