"""The host's side of an agent, against an agent made of messages: no process, no compiler."""

import asyncio
from types import SimpleNamespace

import pytest

from bareflow.compile.split import SplitFunction
from bareflow.errors import CompileError
from bareflow.growth.growing import TierUp
from bareflow.growth.reports import PLACES_HOT
from bareflow.growth.service import Compiled
from bareflow.growth.session import GrowthSession
from bareflow.layouts.growth import (
    AGENT_STARTED,
    ARM_ORDER,
    CODE_PIECE,
    FUNCTION_COUNTS,
    GROWTH_MESSAGE,
    HOT_REASON,
    HOT_RECORD,
    PUBLISH_ORDER,
    PUBLISH_STATUS,
    PUBLISHED_RECORD,
    TIME_SAMPLE,
)
from bareflow.layouts.snapshot import TIER
from bareflow.snapshot.base import Base
from bareflow.snapshot.live import ImageSymbols
from bareflow.snapshot.slots import Slot
from bareflow.tiering import Policy
from tests.object_samples import elf_object

BUILD = bytes(range(16))
ARENA = 0x20000000
BODY_AT = 0x401000


class Service:
    """Compiles everything to the same sixteen bytes, or fails at the tiers in `failing`."""

    def __init__(self):
        self.target = SimpleNamespace(name="test")
        self.asked = []
        self.failing = set()

    async def compile(self, symbol, tier, _seen):
        self.asked.append((symbol, tier))
        if tier in self.failing:
            raise CompileError("LLVM was killed by SIGKILL.")
        return Compiled(elf_object(function=b"f.body"), 1.5, cached=False)


class Agent:
    """What a growing program would do with the host's messages."""

    def __init__(self, arena=4096, policy=None, answer="done", first="O0", rises=()):
        self.answers = [answer]
        self.memory, self.orders, self.notes, self.armed = {}, [], [], []
        self.service = Service()
        functions = tuple(SplitFunction(name, name, "0" * 32, 50, (), recursive=False) for name in ("f", "g"))
        symbols = ImageSymbols({"evil_symbol": 0x400000}, {"f.body": (BODY_AT, 64), "g.body": (BODY_AT + 64, 64)})
        base = Base(b"", tuple(Slot(one.symbol, "", one.body, first) for one in functions), BUILD, symbols)
        self.session = GrowthSession(
            base, functions, self.service, self.take, policy=policy, rises=rises, on_note=self.notes.append
        )
        self.say("started", AGENT_STARTED.encode(functions=2, arena_base=ARENA, arena_size=arena, build_id=BUILD))

    def say(self, kind, payload):
        self.session.receive(GROWTH_MESSAGE[kind], payload)

    def take(self, kind, payload):
        if kind == GROWTH_MESSAGE["code"]:
            self.memory[CODE_PIECE.decode(payload)["address"]] = payload[CODE_PIECE.size :]
        elif kind == GROWTH_MESSAGE["arm"]:
            self.armed.append(ARM_ORDER.decode(payload)["threshold"])
        elif kind == GROWTH_MESSAGE["publish"]:
            order = PUBLISH_ORDER.decode(payload)
            self.orders.append(order)
            asyncio.get_running_loop().call_soon(self.published, order)
        return True

    def published(self, order):
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        fields = {"function": order["function"], "tier": order["tier"], "blob": order["blob"], "calls": 7}
        self.say("published", PUBLISHED_RECORD.encode(status=PUBLISH_STATUS[status], **fields))

    def hot(self, function, tier, calls, reason="calls"):
        record = HOT_RECORD.encode(function=function, tier=TIER[tier], reason=HOT_REASON[reason], calls=calls)
        self.say("hot", record)

    @property
    def rises(self):
        return [(up.function, up.before, up.after) for up in self.session.tier_ups]


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_function_rises_one_tier_at_a_time_while_its_calls_say_so():
    async def story():
        agent = Agent()
        for tier, calls in (("O0", 100), ("O1", 1000), ("O2", 10000)):
            agent.hot(0, tier, calls)
            await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == [("f", "O0", "O1"), ("f", "O1", "O2"), ("f", "O2", "O3")]
    starts = [order["start"] for order in agent.orders]
    assert starts == sorted(set(starts))
    assert all(agent.memory[start] for start in starts)


def test_calls_far_past_the_thresholds_climb_one_tier_at_a_time_while_the_agent_finds_them_hot():
    async def story():
        agent = Agent()
        for tier in ("O0", "O1", "O2"):
            agent.hot(0, tier, 1_000_000)
            await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == [("f", "O0", "O1"), ("f", "O1", "O2"), ("f", "O2", "O3")]


def test_what_a_run_has_earned_and_did_not_get_skips_tiers():
    agent = Agent()
    agent.session.functions[0].calls = 1_000_000
    agent.session.functions[1].calls = 1_000
    assert agent.session.earned() == {"f": "O3", "g": "O2"}


def test_the_same_hot_record_twice_compiles_once():
    async def story():
        agent = Agent()
        agent.hot(0, "O0", 100)
        agent.hot(0, "O0", 100)
        await settle()
        agent.hot(0, "O0", 120)  # sent before the agent had the new code
        await settle()
        return agent

    assert asyncio.run(story()).rises == [("f", "O0", "O1")]


def test_a_damaged_blob_is_sent_again():
    async def story():
        agent = Agent()
        agent.answers = ["damaged", "done"]
        agent.hot(0, "O0", 100)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == [("f", "O0", "O1")]
    assert agent.orders[0] == agent.orders[1]


@pytest.mark.parametrize("answer", ["damaged", "refused"])
def test_what_the_agent_keeps_refusing_is_given_up_and_its_room_freed(answer):
    async def story():
        agent = Agent(answer=answer)
        agent.hot(0, "O0", 100)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == []
    assert agent.notes == [f"f does not reach O1: the agent says {answer}."]
    assert agent.session.live.arena.reserve(4096) == ARENA


def test_a_failed_compilation_is_noted_and_the_function_passes_over_that_tier_later():
    async def story():
        agent = Agent()
        agent.service.failing = {"O1"}
        agent.hot(0, "O0", 100)
        await settle()
        before = list(agent.rises)
        agent.hot(0, "O0", 1000)
        await settle()
        return agent, before

    agent, before = asyncio.run(story())
    assert before == []
    assert agent.rises == [("f", "O0", "O2")]
    assert agent.notes == ["f does not reach O1: LLVM was killed by SIGKILL."]


def test_a_full_code_cache_is_noted_and_others_go_on():
    async def story():
        agent = Agent(arena=64)
        agent.hot(0, "O0", 100)
        await settle()
        agent.hot(0, "O1", 1000)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == [("f", "O0", "O1")]
    assert "no room" in agent.notes[0]


def test_a_program_without_a_code_cache_never_rises():
    async def story():
        agent = Agent(arena=0)
        agent.hot(0, "O0", 100)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert (agent.rises, agent.service.asked) == ([], [])


def test_ticks_that_find_a_function_again_and_again_raise_it_without_calls():
    async def story():
        agent = Agent()
        agent.say("places", (BODY_AT + 5).to_bytes(8, "little") * PLACES_HOT)
        await settle()
        return agent

    assert asyncio.run(story()).rises == [("f", "O0", "O1")]


def test_a_loop_in_one_long_call_skips_the_tiers_that_nobody_would_enter():
    async def story():
        agent = Agent(first="interp")
        agent.hot(0, "interp", 7, "back-edges")
        await settle()
        agent.hot(0, "O0", 7, "back-edges")  # the call that loops is still the one before O0 was published
        await settle()
        waited = agent.rises.copy()
        agent.hot(0, "O0", 7, "back-edges")  # at the threshold that it was armed with
        await settle()
        return agent, waited

    agent, waited = asyncio.run(story())
    assert waited == [("f", "interp", "O0")]
    assert agent.armed == [10000]
    assert agent.rises == [*waited, ("f", "O0", "O3")]


def test_no_loop_raises_a_function_above_the_highest_tier_that_is_wanted():
    async def story():
        agent = Agent(first="interp", policy=Policy(highest="O1"))
        for tier in ("interp", "O0", "O0", "O1"):
            agent.hot(0, tier, 7, "back-edges")
            await settle()
        return agent.rises

    assert asyncio.run(story()) == [("f", "interp", "O0"), ("f", "O0", "O1")]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("counts", FUNCTION_COUNTS.encode(function=0, tier=TIER["O1"], calls=9)),
        ("times", TIME_SAMPLE.encode(function=0, tier=TIER["O1"], cycles=100, weight=1)),
        ("places", (ARENA + 1).to_bytes(8, "little") * PLACES_HOT),
    ],
)
def test_a_loop_whose_next_call_has_come_rises_without_waiting(kind, message):
    async def story():
        agent = Agent()
        agent.hot(0, "O0", 7, "back-edges")
        await settle()
        agent.hot(0, "O1", 7, "back-edges")
        agent.say(kind, message)
        await settle()
        return agent.rises

    assert asyncio.run(story()) == [("f", "O0", "O1"), ("f", "O1", "O2")]


def test_another_programs_agent_is_not_served():
    async def story():
        agent = Agent()
        agent.session.started = None
        agent.session.live.arena = None
        agent.say("started", AGENT_STARTED.encode(functions=2, arena_base=1, arena_size=4096, build_id=bytes(16)))
        agent.hot(0, "O0", 100)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == []
    assert agent.notes == ["The program that answers is not the one that we serve."]


def test_breakeven_waits_until_the_time_saved_pays_for_the_compiler():
    async def story():
        agent = Agent(policy=Policy(kind="breakeven"))
        agent.hot(0, "O0", 100)  # nothing was timed: judged by counts
        await settle()
        return agent

    assert asyncio.run(story()).rises == [("f", "O0", "O1")]


def test_counts_and_tier_ups_reach_the_profile():
    async def story():
        agent = Agent()
        agent.hot(0, "O0", 100)
        await settle()
        agent.say("counts", FUNCTION_COUNTS.encode(function=0, tier=TIER["O1"], calls=150, self_calls=3))
        return agent

    profile = asyncio.run(story()).session.profile()
    f = profile.named("f")
    assert (f.calls, f.self_calls, f.tier) == (150, 3, "O1")
    assert [(event.function, event.before, event.after) for event in profile.events] == [("f", "O0", "O1")]
    assert {tier: times.code_bytes for tier, times in f.times.items()} == {"O0": 64, "O1": 16}


def test_a_function_that_was_hot_is_in_the_profile_before_counts_have_come():
    async def story():
        agent = Agent()
        agent.hot(0, "O0", 100)
        await settle()
        return agent

    profile = asyncio.run(story()).session.profile()
    assert {one.name: (one.calls, one.tier) for one in profile.functions.values()} == {"f": (100, "O1")}


def test_tier_ups_since_the_run_before_are_in_the_profile_of_this_one():
    agent = Agent(rises=[TierUp("f", "interp", "O0", 1.5, 0.0, 64, 90, 0.0)])
    (event,) = agent.session.profile().events
    assert (event.function, event.before, event.after, event.at_us, event.compile_us) == ("f", "interp", "O0", 0, 1500)


def test_messages_that_make_no_sense_are_noted_and_harmless():
    async def story():
        agent = Agent()
        for kind in range(30, 70):
            for size in (1, 31, 100):
                agent.session.receive(kind, b"\xff" * size)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == []
    assert agent.notes


def test_what_is_hot_before_the_agent_has_introduced_itself_rises_when_it_does():
    async def story():
        agent = Agent()
        agent.session.started = agent.session.live.arena = None
        agent.hot(0, "O0", 100)
        await settle()
        before = list(agent.rises)
        agent.say("started", AGENT_STARTED.encode(functions=2, arena_base=ARENA, arena_size=4096, build_id=BUILD))
        await settle()
        return agent, before

    agent, before = asyncio.run(story())
    assert before == []
    assert agent.rises == [("f", "O0", "O1")]


def test_a_later_host_leaves_the_code_of_the_earlier_alone_and_goes_on_from_its_tiers():
    async def story():
        agent = Agent()
        agent.session.started = agent.session.live.arena = None
        facts = {"functions": 2, "arena_base": ARENA, "arena_size": 4096, "build_id": BUILD}
        agent.say("started", AGENT_STARTED.encode(**facts, arena_used=100))
        agent.hot(0, "O1", 1000)
        await settle()
        return agent

    agent = asyncio.run(story())
    assert agent.rises == [("f", "O1", "O2")]
    assert agent.orders[0]["start"] == ARENA + 128
