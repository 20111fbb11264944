"""What a process keeps: so much of it, what was used longest ago dropped first."""

from __future__ import annotations

from apps.common.memory import Memory


def test_what_was_not_used_for_longest_is_dropped() -> None:
    memory: Memory[str, str] = Memory(entries=2, size=100)
    memory.put("a", "A", 10)
    memory.put("b", "B", 10)
    assert memory.get("a") == "A"
    memory.put("c", "C", 10)
    assert [memory.get(key) for key in "bac"] == [None, "A", "C"]
    assert ("a" in memory, "b" in memory) == (True, False)
    memory.put("d", "D", 95)
    assert [memory.get(key) for key in "acd"] == [None, None, "D"]


def test_what_takes_the_place_of_another_counts_once() -> None:
    memory: Memory[str, str] = Memory(entries=10, size=100)
    memory.put("other", "O", 10)
    for _time in range(5):
        memory.put("a", "A", 80)
    assert [memory.get("other"), memory.get("a")] == ["O", "A"]


def test_what_is_kept_has_a_size_together() -> None:
    memory: Memory[str, str] = Memory(entries=10, size=100)
    for key in "abc":
        memory.put(key, key, 40)
    assert [memory.get(key) is not None for key in "abc"] == [False, True, True]
    memory.put("d", "d", 1000)
    assert memory.get("c") is None, "one too large keeps nothing, itself included"
    memory.put("e", "e", 100)
    assert memory.get("e") == "e", "what was dropped takes no place"


def test_entries_without_a_size_are_counted() -> None:
    memory: Memory[int, int] = Memory(entries=3)
    for number in range(5):
        memory.put(number, number)
    assert [memory.get(number) for number in range(5)] == [None, None, 2, 3, 4]
    memory.clear()
    assert memory.get(4) is None
