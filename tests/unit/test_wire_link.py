"""The reliable link between two Python ends over a virtual line: noise, cuts, resets, throttle."""

from __future__ import annotations

import pytest

from bareflow.errors import WireError
from bareflow.layouts.wire import FRAME_TYPE, HELLO_ASK, WIRE_HELLO, WIRE_VERSION
from bareflow.wire.frames import Frame, encode_frame
from bareflow.wire.link import GuestLink, HostLink
from tests.wire_line import HELLO, Pair, feed, numbered


def test_both_sides_learn_who_the_other_is():
    pair = Pair()
    pair.settle()
    assert pair.host.session == 0x1001
    assert pair.host.peer_build_id == b"g" * 16
    assert pair.guest.peer_build_id == b"h" * 16
    assert [m.type for m in pair.at_host] == [HELLO]
    assert WIRE_HELLO.decode(pair.at_host[0].payload)["build_id"] == b"g" * 16


def test_messages_of_every_length_arrive_in_order():
    pair = Pair(capacity=1 << 20)
    pair.run(lambda: pair.host.connected)
    sizes = [0, 1, 31, 32, 33, 1023, 1024, 1025, 5000, 65535]
    for size in sizes:
        assert pair.guest.send(40, bytes(size))
        assert pair.host.send(41, b"\xff" * size)
    pair.settle()
    assert [len(p) for p in pair.payloads(pair.at_host)] == sizes
    assert [len(p) for p in pair.payloads(pair.at_guest)] == sizes


def test_a_hundred_thousand_frames_through_noise_of_one_byte_in_a_hundred():
    pair = Pair(rate=0.01, capacity=1 << 14)
    up, down = 50_000, 20_000
    feed(pair, numbered(up, b"up"), numbered(down, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(up, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(down, b"down"))
    assert pair.guest.frames_sent + pair.host.frames_sent >= 100_000
    assert pair.up.noise.faults + pair.down.noise.faults > 50_000
    assert pair.host.damaged + pair.guest.damaged > 20_000


@pytest.mark.parametrize("seed", range(8))
def test_noise_before_and_while_the_link_comes_up(seed: int):
    pair = Pair(rate=0.05, seed=seed)
    feed(pair, numbered(50, b"up"), numbered(50, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(50, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(50, b"down"))


def test_a_host_that_leaves_and_returns_loses_and_repeats_nothing():
    pair = Pair(capacity=1 << 16)
    pair.run(lambda: pair.host.connected)
    for payload in numbered(400, b"up"):
        assert pair.guest.send(40, payload)
    pair.run(lambda: len(pair.at_host) > 100)
    pair.plugged = False
    for _ in range(300):
        pair.step()
    pair.plugged = True
    pair.host.line_cut(pair.now)
    pair.settle()
    assert pair.payloads(pair.at_host) == list(numbered(400, b"up"))
    assert pair.host.sessions == 1


@pytest.mark.parametrize("when", range(5, 300, 23))
def test_a_host_killed_and_started_again_goes_on_at_the_first_message_not_acknowledged(when: int):
    pair = Pair(capacity=1 << 18)
    sent = list(numbered(300, b"up", size=700))
    for payload in sent:
        assert pair.guest.send(40, payload)
    pair.run(lambda: pair.host.connected)
    for payload in numbered(50, b"lost"):
        pair.host.send(41, payload)
    pair.run(lambda: len(pair.at_host) >= min(when, len(sent) // 2))
    before, pair.at_host = pair.payloads(pair.at_host), []
    pair.host = HostLink(78)
    pair.run(lambda: pair.host.connected)
    for payload in numbered(50, b"down"):
        assert pair.host.send(41, payload)
    pair.settle()
    after = [m.payload for m in pair.at_host if m.type == 40]
    assert (before + after)[: len(before)] == sent[: len(before)]
    repeated = len(before) + len(after) - len(sent)
    assert repeated >= 0  # acknowledgements that were on their way when the host died
    assert after == sent[len(before) - repeated :]
    got = pair.payloads(pair.at_guest)
    assert got[-50:] == list(numbered(50, b"down"))
    assert got[:-50] == list(numbered(50, b"lost"))[: len(got) - 50]


def test_a_guest_reset_in_mid_frame_begins_a_new_session():
    pair = Pair()
    pair.run(lambda: pair.host.connected)
    for payload in numbered(20, b"old"):
        pair.guest.send(40, payload)
    pair.run(lambda: len(pair.at_host) > 3)
    pair.host.send(41, b"for the old session")
    pair.host.receive(encode_frame(Frame(FRAME_TYPE["data"], b"cut short", 0x1001, 999))[:-4], pair.now)
    pair.up.pieces.clear()
    pair.guest = GuestLink(0x2002, b"G" * 16)
    pair.run(lambda: pair.host.session == 0x2002)
    feed(pair, numbered(30, b"new"), numbered(30, b"code"))
    hellos = [at for at, m in enumerate(pair.at_host) if m.type == HELLO]
    assert len(hellos) == 2
    assert pair.host.session == 0x2002
    assert pair.host.peer_build_id == b"G" * 16
    assert pair.payloads(pair.at_host[hellos[1] :]) == list(numbered(30, b"new"))
    assert pair.payloads(pair.at_guest) == list(numbered(30, b"code"))


def test_what_does_not_fit_is_dropped_counted_and_reported():
    pair = Pair(capacity=1000)
    taken = [p for p in numbered(100, b"up") if pair.guest.send(40, p)]
    assert 10 < len(taken) < 100
    assert pair.guest.dropped == 100 - len(taken)
    pair.settle()
    assert pair.payloads(pair.at_host) == taken
    assert pair.host.peer_dropped == pair.guest.dropped
    pair.guest.send(40, bytes(990))
    pair.guest.send(40, bytes(990))
    pair.settle()
    assert pair.host.peer_dropped == pair.guest.dropped == 101 - len(taken)


def test_a_guest_that_nobody_hears_sends_little():
    pair = Pair()
    pair.plugged = False
    pair.guest.send(40, b"x")
    sizes = []
    while pair.now < 60:
        pair.now += 0.05
        sizes.append(len(pair.guest.transmit(pair.now)))
    assert sum(sizes) < 60 * 100


def test_a_115200_baud_line_carries_nine_tenths_of_its_rate():
    pair = Pair(baud=115200)
    feed(pair, numbered(1000, b"up", size=300), numbered(10, b"down"))
    useful = sum(len(p) for p in numbered(1000, b"up", size=300))
    assert useful / pair.now > 0.9 * 11520
    assert pair.guest.outgoing.resent == 0


def test_stream_offsets_may_pass_two_to_the_32nd():
    pair = Pair()
    pair.guest.outgoing.restart(0xFFFFFE00)
    pair.guest.incoming.restart(0xFFFFFF80)
    feed(pair, numbered(200, b"up"), numbered(200, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(200, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(200, b"down"))
    assert pair.guest.incoming.next < 0x10000


def test_frames_of_the_kernel_pass_without_a_session():
    host = HostLink(5)
    messages = host.receive(encode_frame(Frame(FRAME_TYPE["final"], b"f" * 104)), 0.0)
    assert [(m.type, m.session) for m in messages] == [(FRAME_TYPE["final"], 0)]


def test_another_version_of_the_wire_is_refused_by_name():
    hello = WIRE_HELLO.encode(version=WIRE_VERSION + 1)
    with pytest.raises(WireError, match=f"version {WIRE_VERSION + 1}"):
        HostLink(5).receive(encode_frame(Frame(HELLO, hello, 9)), 0.0)


def test_acknowledgements_of_what_was_never_sent_are_ignored():
    guest = GuestLink(9)
    ask = WIRE_HELLO.encode(version=WIRE_VERSION, flags=HELLO_ASK, incarnation=5, max_message=1024)
    guest.receive(encode_frame(Frame(HELLO, ask)), 0.0)
    guest.send(40, b"kept")
    for offset in (0, 2, 500, 0xFFFFFFFF):
        guest.receive(encode_frame(Frame(FRAME_TYPE["ack"], b"", 9, 0, offset)), 0.0)
    assert not guest.idle


def test_a_message_longer_than_the_peer_takes_is_a_mistake_of_the_caller():
    guest = GuestLink(9)
    with pytest.raises(ValueError, match="longer than"):
        guest.send(40, bytes(1025))


def test_one_port_carries_firmware_text_console_text_and_records():
    text, record = FRAME_TYPE["text"], 40
    pair = Pair()
    pair.host = HostLink(77, keep_noise=True)
    pair.host.receive(b"SeaBIOS (version 1.16)\r\nBooting...\r\n", pair.now)
    pair.run(lambda: pair.host.connected)
    for kind, payload in ((text, b"hello, "), (record, b"\0\1\2"), (text, b"world\n")):
        assert pair.guest.send(kind, payload)
    pair.settle()
    assert b"".join(m.payload for m in pair.at_host if m.type == text) == b"hello, world\n"
    assert [m.payload for m in pair.at_host if m.type == record] == [b"\0\1\2"]
    assert pair.host.decoder.take_noise().startswith(b"SeaBIOS")
