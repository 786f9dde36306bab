"""Every row of the case table of DESIGN section 4, as far as a plan answers it."""

from __future__ import annotations

from situations import facts, running, selection, story, suspects, unmet

from incremental.planner import State, plan_all, plan_missing
from incremental.planner.unmet import obstacles

# what makes a node run


def test_a_node_runs_when_one_of_its_outputs_is_a_parameter_s1() -> None:
    plan = plan_missing(selection("tune: raw -> params:best"), facts("raw present"))
    assert story(plan) == {"tune": "run: makes parameter params:best"}


def test_a_node_runs_when_an_output_is_absent_or_incomplete_s2() -> None:
    plan = plan_missing(selection("raw -> x; raw -> y"), facts("raw present; x absent; y incomplete"))
    assert story(plan) == {
        "x": "run: x missing",
        "y": "run: y incomplete: a save began and never ended",
    }


def test_a_node_runs_when_it_makes_a_result_in_memory_that_nothing_reads_s3() -> None:
    plan = plan_missing(selection("raw -> x -> y"), facts("raw, x present"))
    assert story(plan) == {"x": "skip: x present", "y": "run: makes the result y in memory"}


def test_a_result_in_memory_may_be_asked_for_by_to_outputs_s3() -> None:
    plan = plan_missing(
        selection("raw -> x -> y", select_by={"to_outputs": "x"}), facts("raw present; y present")
    )
    assert story(plan) == {"x": "run: makes the result x in memory"}


def test_a_result_in_memory_may_be_asked_for_by_naming_its_node_s3() -> None:
    for selector in ("node_names", "to_nodes"):
        plan = plan_missing(selection("raw -> x -> y", select_by={selector: "x"}), facts("raw, y present"))
        assert story(plan) == {"x": "run: makes the result x in memory"}


def test_a_memory_output_that_a_filter_cut_off_is_no_result_s3() -> None:
    plan = plan_missing(
        selection("raw -> x -> y", select_by={"tags": "a"}, tags={"x": "a"}), facts("raw, y present")
    )
    assert story(plan) == {"x": "skip: x in memory, and nothing that runs reads it"}


def test_a_node_without_outputs_or_with_confirms_runs_every_time_s4() -> None:
    whole = selection("raw -> x -> ()", confirms={"x": "raw"})
    assert story(plan_missing(whole, facts("raw, x present"))) == {
        "x": "run: confirms raw, so it runs every time",
        "after_x": "run: has no outputs, so it runs every time",
    }


def test_a_forced_node_runs_s5() -> None:
    plan = plan_missing(selection("raw -> x -> y", forced=["x"]), facts("raw, x, y present"))
    assert story(plan) == {"x": "run: forced", "y": "skip: y present"}


def test_what_a_running_node_reads_and_is_not_there_is_made_as_well() -> None:
    plan = plan_missing(selection("raw -> a -> b -> c -> d"), facts("raw, a present; c ephemeral; d absent"))
    assert story(plan) == {
        "a": "skip: a present",
        "b": "run: b needed by c",
        "c": "run: c needed by d",
        "d": "run: d missing",
    }


def test_parameters_satisfy_nothing_and_block_nothing() -> None:
    selected = selection("params:a, parameters -> x; tune: raw -> params:a")
    assert story(plan_missing(selected, facts("x absent; raw present"))) == {
        "tune": "run: makes parameter params:a",
        "x": "run: x missing",
    }
    plan = plan_missing(selected, facts("x, raw present"))
    assert running(plan) == ["tune"]
    assert plan.is_valid


def test_a_plain_plan_runs_all_and_says_which_nodes_were_forced_anyway() -> None:
    plan = plan_all(selection("raw -> x -> y", forced=["x"]), facts("raw, x, y present"))
    assert story(plan) == {"x": "run: forced", "y": "run: selected"}


# the table, row by row


def test_some_of_several_outputs_missing_runs_the_node_once_and_lists_what_it_overwrites() -> None:
    plan = plan_missing(selection("raw -> x, y, z"), facts("raw, x present; y, z absent"))
    [step] = plan.running
    assert plan.overwrites(step) == ("x",)
    assert story(plan) == {"x_y_z": "run: y, z missing"}


def test_a_versioned_output_is_never_overwritten() -> None:
    given = facts("raw, x, y present", versions={"x": "2026-11-21T10.00.00.000Z"})
    plan = plan_missing(selection("raw -> x, y", forced=["x_y"]), given)
    assert plan.overwrites(plan.steps[0]) == ("y",)


def test_a_skipped_reader_of_what_is_made_again_stays_skipped_and_its_output_is_suspect() -> None:
    plan = plan_missing(selection("raw -> x -> y -> z"), facts("raw, y, z present; x absent"))
    assert running(plan) == ["x"]
    assert suspects(plan) == {"y": ("x",)}  # z was made from this y


def test_an_output_is_suspect_through_what_only_lives_in_memory_between() -> None:
    plan = plan_missing(selection("raw -> x -> m -> y"), facts("raw, y present; x absent"))
    assert running(plan) == ["x"]
    assert suspects(plan) == {"y": ("m",)}


def test_what_is_made_again_in_memory_from_the_same_inputs_outdates_nothing() -> None:
    plan = plan_missing(selection("raw -> m -> x; m -> y"), facts("raw, x present; y absent"))
    assert running(plan) == ["m", "y"]
    assert suspects(plan) == {}


def test_what_a_forced_node_makes_in_memory_outdates_its_skipped_readers() -> None:
    plan = plan_missing(selection("raw -> m -> x", forced=["m"]), facts("raw, x present"))
    assert suspects(plan) == {"x": ("m",)}


def test_what_is_handed_in_is_not_outdated_by_a_producer_that_does_not_run() -> None:
    plan = plan_missing(selection("raw -> x -> m -> y"), facts("raw, y present; x absent; m handed in"))
    assert running(plan) == ["x"]
    assert suspects(plan) == {}


def test_what_is_handed_in_and_made_again_outdates_its_skipped_readers() -> None:
    given = facts("raw, y present; x absent; m handed in")
    plan = plan_missing(selection("raw -> x -> m -> y", forced=["m"]), given)
    assert suspects(plan) == {"y": ("m",)}


def test_a_suspect_is_named_by_every_later_plan_until_it_is_made_again() -> None:
    selected, given = selection("raw -> x -> y"), facts("raw, x, y present", outdated={"y": ("x",)})
    plan = plan_missing(selected, given)
    assert running(plan) == []
    assert suspects(plan) == {"y": ("x",)}
    assert suspects(plan_missing(selection("raw -> x -> y", forced=["y"]), given)) == {}


def test_a_suspect_names_the_inputs_that_change_and_those_that_have_changed() -> None:
    given = facts("a, b, y present; x absent", outdated={"y": ("b", "x")})
    plan = plan_missing(selection("a -> x; x, b -> y"), given)
    assert suspects(plan) == {"y": ("x", "b")}


# what nodes outside the selection make


def test_what_the_selection_reads_is_suspect_where_a_node_outside_made_it_from_older_inputs() -> None:
    selected = selection("raw -> x -> y -> z", select_by={"node_names": ["z"]})
    plan = plan_missing(selected, facts("raw, x, y, z present", outdated={"y": ("x",), "x": ("raw",)}))
    assert suspects(plan) == {"y": ("x",)}  # x is none of its business


def test_what_this_plan_makes_again_outdates_what_comes_back_through_a_node_outside() -> None:
    selected = selection("raw -> x -> y -> z", select_by={"node_names": ["x", "z"]}, forced=["x"])
    assert suspects(plan_missing(selected, facts("raw, x, y, z present"))) == {"y": ("x",)}


def test_what_this_plan_makes_again_outdates_its_outputs_through_memory_outside() -> None:
    selected = selection("raw -> x -> m -> z", select_by={"node_names": ["x", "z"]}, forced=["x"])
    assert suspects(plan_missing(selected, facts("raw, x, z present"))) == {"z": ("m",)}


def test_a_suspect_that_is_read_in_another_format_has_the_name_under_which_it_is_read() -> None:
    selected = selection("raw -> x; x -> y@a; y@b -> z", select_by={"node_names": ["x", "z"]}, forced=["x"])
    assert suspects(plan_missing(selected, facts("raw, x, y@a, y@b, z present"))) == {"y@b": ("x",)}


def test_propagate_does_not_widen_the_selection_to_what_makes_a_suspect() -> None:
    selected = selection("raw -> x -> y -> z", select_by={"node_names": ["z"]})
    given = facts("raw, x, y, z present", outdated={"y": ("x",)})
    plan = plan_missing(selected, given, propagate=True)
    assert running(plan) == []
    assert suspects(plan) == {"y": ("x",)}


def test_propagate_runs_suspects_and_what_follows_from_them() -> None:
    selected = selection("raw -> x -> y -> m -> z; raw -> other")
    given = facts("raw, x, y, z, other present", outdated={"x": ("raw",)})
    plan = plan_missing(selected, given, propagate=True)
    assert story(plan) == {
        "other": "skip: other present",
        "x": "run: raw made again since",
        "y": "run: reads x, made again by this plan",
        "m": "run: m needed by z",
        "z": "run: reads m, made again by this plan",
    }
    assert suspects(plan) == {}


def test_propagate_follows_what_the_repair_of_a_suspect_makes_again_on_its_way() -> None:
    selected = selection("raw -> x; x, m -> y; other -> m, n; n -> z")
    given = facts("raw, other, y, n, z present; x absent")
    assert running(plan_missing(selected, given)) == ["x"]
    plan = plan_missing(selected, given, propagate=True)
    assert story(plan) == {
        "m_n": "run: m needed by y",
        "x": "run: x missing; x needed by y",
        "y": "run: reads x, made again by this plan",
        "z": "run: reads n, made again by this plan",
    }


def test_propagation_runs_nothing_that_only_lives_in_memory_and_is_not_read() -> None:
    selected = selection("raw -> x -> m -> y", select_by={"tags": "a"}, tags={"x": "a", "m": "a"})
    plan = plan_missing(selected, facts("raw present; x absent"), propagate=True)
    assert running(plan) == ["x"]


def test_resume_runs_what_the_killed_run_still_owes() -> None:
    selected, given = selection("raw -> x -> y -> z"), facts("raw, x, y, z present")
    plan = plan_missing(selected, given, owed=["y", "z", "gone"])
    assert story(plan) == {
        "x": "skip: x present",
        "y": "run: owed by the run that did not finish",
        "z": "run: owed by the run that did not finish",
    }
    assert suspects(plan) == {}


def test_without_resume_what_mixes_generations_is_suspect() -> None:
    given = facts("raw, x, y, z present", outdated={"y": ("x",)})
    assert suspects(plan_missing(selection("raw -> x -> y -> z"), given)) == {"y": ("x",)}


def test_owed_and_outdated_reasons_come_after_the_nodes_own() -> None:
    given = facts("raw present; x absent", outdated={"x": ("raw",)})
    plan = plan_missing(selection("raw -> x"), given, propagate=True, owed={"x"})
    assert story(plan) == {"x": "run: x missing; owed by the run that did not finish; raw made again since"}


def test_data_handed_in_satisfies_readers_and_its_producer_runs_for_other_reasons_only() -> None:
    given = facts("raw present; m handed in; y absent")
    assert story(plan_missing(selection("raw -> m -> y"), given)) == {
        "m": "skip: m handed in",
        "y": "run: y missing",
    }
    assert running(plan_missing(selection("raw -> m -> y", forced=["m"]), given)) == ["m", "y"]


def test_a_result_that_was_handed_in_needs_no_run() -> None:
    assert story(plan_missing(selection("raw -> m"), facts("m handed in"))) == {"m": "skip: m handed in"}


def test_a_node_with_a_stored_and_a_handed_in_output_is_skipped_for_the_stored_one() -> None:
    plan = plan_missing(selection("raw -> m, x; m -> y"), facts("raw, x, y present; m handed in"))
    assert story(plan)["m_x"] == "skip: x present"


def test_unmet_inputs_make_the_plan_invalid_and_are_all_in_one_message() -> None:
    selected = selection(
        "raw, params:p -> x -> y; other, left_out -> z; raw -> left_out",
        select_by={"node_names": ["x", "y", "z"]},
    )
    given = facts(
        "raw, left_out absent; x, y absent; other incomplete; z absent",
        absent_parameters=frozenset({"params:p"}),
    )
    plan = plan_missing(selected, given)
    assert not plan.is_valid
    assert unmet(plan) == [("raw", "x"), ("params:p", "x"), ("other", "z"), ("left_out", "z")]
    assert obstacles(plan) == (
        "dataset 'raw', read by 'x', does not exist at /data/raw; put it there or correct its path",
        "parameter 'params:p', read by 'x', is not in the parameters; "
        "add it to parameters.yml or pass --params",
        "dataset 'other', read by 'z', is incomplete at /data/other: "
        "its last save never ended; make it again",
        "dataset 'left_out', read by 'z', is made by node 'left_out', which the selection leaves out: "
        "add it with --nodes=left_out,x,y,z",
    )


def test_a_missing_input_that_only_skipped_nodes_read_is_no_error() -> None:
    given = facts("raw absent; x present", absent_parameters=frozenset({"params:p"}))
    plan = plan_missing(selection("raw, params:p -> x"), given)
    assert plan.is_valid
    assert running(plan) == []


def test_a_missing_parameter_that_a_selected_node_makes_is_no_error() -> None:
    given = facts("raw present; x absent", absent_parameters=frozenset({"params:p"}))
    assert plan_missing(selection("tune: raw -> params:p; params:p -> x"), given).is_valid


def test_a_missing_parameter_is_an_error_where_the_selection_leaves_its_maker_out() -> None:
    given = facts("raw present; x absent", absent_parameters=frozenset({"params:p"}))
    selected = selection("tune: raw -> params:p; params:p -> x", select_by={"node_names": "x"})
    [gap] = plan_missing(selected, given).unmet
    assert (gap.dataset, gap.state, gap.location, gap.producer) == ("params:p", State.ABSENT, None, "tune")


def test_a_failed_or_killed_save_runs_again_and_what_reads_it_waits_for_it() -> None:
    plan = plan_missing(selection("raw -> x -> y"), facts("raw present; x incomplete; y absent"))
    assert story(plan) == {
        "x": "run: x incomplete: a save began and never ended; x needed by y",
        "y": "run: y missing",
    }


def test_a_skipped_reader_of_an_incomplete_input_keeps_what_it_made_of_an_older_version() -> None:
    plan = plan_missing(selection("raw -> x -> y"), facts("raw, y present; x incomplete"))
    assert running(plan) == ["x"]
    assert suspects(plan) == {"y": ("x",)}


def test_a_versioned_dataset_without_pin_is_read_in_the_version_resolved_while_planning() -> None:
    given = facts("raw, x present; y absent", versions={"x": "v7"})
    plan = plan_missing(selection("raw -> x -> y"), given)
    assert running(plan) == ["y"]
    assert plan.facts.versions == {"x": "v7"}


def test_a_pinned_version_that_is_absent_is_an_error_when_planning() -> None:
    for state in ("absent", "incomplete"):
        plan = plan_missing(selection("raw -> x"), facts(f"raw {state}; x present", pins={"raw": "v1"}))
        assert not plan.is_valid
        assert plan.conflicts == (
            "dataset 'raw' is pinned to version 'v1', which does not exist; "
            "a run cannot make a past version: drop the pin or name a version that is there",
        )


def test_a_pin_on_what_the_plan_makes_again_is_an_error_when_planning() -> None:
    given = facts("raw, x present; y absent", pins={"x": "v1"}, versions={"x": "v1"})
    assert plan_missing(selection("raw -> x -> y"), given).is_valid
    for plan in (
        plan_all(selection("raw -> x -> y"), given),
        plan_missing(selection("raw -> x -> y", forced=["x"]), given),
    ):
        assert plan.conflicts == (
            "dataset 'x' is pinned to version 'v1', but node 'x' would make "
            "a new one that its readers would not see: drop the pin, or leave that node out",
        )


def test_pins_are_looked_at_in_the_order_of_their_names_and_strangers_are_passed_over() -> None:
    pins = dict.fromkeys(("zero", "b", "a", "elsewhere"), "v1")
    plan = plan_missing(selection("a, b, zero -> x"), facts("zero, x present; a, b absent", pins=pins))
    assert [sentence.split(" is ")[0] for sentence in plan.conflicts] == ["dataset 'a'", "dataset 'b'"]


def test_a_pin_on_what_was_handed_in_is_no_conflict() -> None:
    assert plan_missing(selection("m -> x"), facts("m handed in; x absent", pins={"m": "v1"})).is_valid


def test_formats_are_one_dataset_to_the_graph_and_each_must_be_there_for_its_reader() -> None:
    selected = selection("raw -> x@a; x@a -> y; x@b -> z")
    there = facts("raw, x@a, x@b present; y, z absent")
    assert running(plan_missing(selected, there)) == ["y", "z"]
    half = facts("raw, x@a present; x@b, y, z absent")
    plan = plan_missing(selected, half)
    assert story(plan) == {"x": "run: x@b needed by z", "y": "run: y missing", "z": "run: z missing"}
    assert plan.overwrites(plan.steps[0]) == ("x@a",)


def test_a_skipped_reader_of_another_format_of_what_is_made_again_is_suspect() -> None:
    plan = plan_missing(selection("raw -> x@a; x@b -> y"), facts("raw, y present; x@a, x@b absent"))
    assert suspects(plan) == {"y": ("x@b",)}


def test_a_format_that_memory_keeps_cannot_be_read_as_one_that_is_stored() -> None:
    for states, kept, other in (
        ("x@a ephemeral; x@b absent", "x@a", "x@b"),
        ("x@a absent; x@b ephemeral", "x@b", "x@a"),
    ):
        plan = plan_missing(selection("raw -> x@a; x@b -> y"), facts(f"raw present; y absent; {states}"))
        assert plan.conflicts == (
            f"dataset 'x@b' is made as 'x@a', but {kept!r} lives in memory and {other!r} does not: "
            "put both in the catalog, at one location",
        )


def test_a_format_that_memory_keeps_is_found_among_nothing_but_formats() -> None:
    plan = plan_missing(selection("raw@k -> x@a; x@b -> y@k"), facts("raw@k present; x@b, y@k absent"))
    assert len(plan.conflicts) == 1


def test_formats_conflict_only_where_a_running_node_reads_what_another_makes() -> None:
    selected = selection("raw -> x@a; x@b -> y; more -> u; stored@k -> w")
    for states in (
        "x@a ephemeral; x@b absent; raw, y, more present; u, stored@k absent; w absent",  # y is skipped
        "x@a ephemeral; x@b present; raw, more present; u, y absent",  # x@b is there
        "x@a, x@b ephemeral; raw, more present; u, y absent",
        "x@a, x@b absent; raw, more present; u, y absent",
    ):
        assert plan_missing(selected, facts(states)).conflicts == ()


def test_no_way_to_test_existence_counts_as_missing_with_a_warning_that_names_the_class() -> None:
    given = facts("raw present; x unknown; y present", untestable={"x": "HiveTable"})
    plan = plan_missing(selection("raw -> x -> y"), given)
    assert story(plan) == {"x": "run: x counted as missing: there is no way to tell", "y": "skip: y present"}
    assert plan.warnings == ("dataset 'x': HiveTable cannot tell whether it exists; it counts as missing",)


def test_a_source_that_cannot_be_asked_is_tried_with_a_warning() -> None:
    given = facts("query unknown; x absent", untestable={"query": "SQLQuery"})
    plan = plan_missing(selection("query -> x"), given)
    assert plan.is_valid
    assert plan.warnings == ("dataset 'query': SQLQuery cannot tell whether it exists; it will be tried",)


def test_a_source_that_cannot_be_asked_and_that_nothing_reads_in_this_plan_needs_no_warning() -> None:
    given = facts("query unknown; x present", untestable={"query": "SQLQuery"})
    assert plan_missing(selection("query -> x"), given).warnings == ()


def test_warnings_come_in_the_order_of_names_past_those_that_need_none() -> None:
    tables = {"a": "A", "b": "B", "c": "C"}
    given = facts("a, b, c unknown; x, z absent; y present", untestable=tables)
    plan = plan_missing(selection("a -> x; b -> y; c -> z"), given)
    assert plan.warnings == (
        "dataset 'a': A cannot tell whether it exists; it will be tried",
        "dataset 'c': C cannot tell whether it exists; it will be tried",
    )


def test_a_dataset_that_cannot_be_asked_and_whose_maker_is_left_out_counts_as_missing() -> None:
    given = facts("raw present; x unknown; y absent", untestable={"x": "HiveTable"})
    plan = plan_missing(selection("raw -> x -> y", select_by={"node_names": "y"}), given)
    assert unmet(plan) == [("x", "y")]
    assert plan.warnings == ("dataset 'x': HiveTable cannot tell whether it exists; it counts as missing",)


def test_two_names_on_one_location_are_an_error_where_the_graph_does_not_order_them() -> None:
    shared = {"x": "/data/same", "y": "/data/same"}
    sentence = (
        "datasets 'x' and 'y' share /data/same and no edge orders their nodes: "
        "give them different paths, or one name"
    )
    for text in ("raw -> x; raw -> y", "raw -> x; y -> z", "y -> z; raw -> x", "raw -> x, y"):
        plan = plan_missing(selection(text), facts("raw, x, y, z present", locations=shared))
        assert (plan.conflicts, plan.warnings) == ((sentence,), ())


def test_two_names_on_one_location_are_a_warning_where_the_graph_orders_them() -> None:
    shared = {"x": "/data/same", "y": "/data/same"}
    sentence = "datasets 'x' and 'y' share /data/same: one is overwritten in place"
    for text in ("x -> y", "x -> z -> y", "x -> y -> z", "x -> u; u, x -> y; y -> z"):
        plan = plan_missing(selection(text), facts("u, x, y, z present", locations=shared))
        assert (plan.conflicts, plan.warnings) == ((), (sentence,))


def test_two_names_on_one_location_are_an_error_where_one_reader_of_either_is_in_no_order() -> None:
    shared = {"x": "/data/same", "y": "/data/same"}
    for text in ("x -> y; x -> bystander", "raw -> y -> x; y -> bystander"):
        plan = plan_missing(selection(text), facts("raw, x, y, bystander present", locations=shared))
        assert len(plan.conflicts) == 1
        assert plan.warnings == ()


def test_two_names_on_one_location_that_nothing_writes_are_no_matter() -> None:
    shared = {"a": "/data/same", "b": "/data/same"}
    plan = plan_missing(selection("a -> x; b -> y"), facts("a, b, x, y present", locations=shared))
    assert (plan.conflicts, plan.warnings) == ((), ())


def test_two_formats_of_one_dataset_may_share_a_location() -> None:
    plan = plan_missing(selection("raw -> x@a; x@b -> y"), facts("raw, y, x@a, x@b present"))
    assert (plan.conflicts, plan.warnings) == ((), ())


def test_all_pairs_at_a_location_are_looked_at_past_those_that_are_no_matter() -> None:
    shared = dict.fromkeys("abcd", "/data/same")
    given = facts("a, b, c, d, x present", locations=shared)
    plan = plan_missing(selection("a, b -> x; a -> c; c, b -> d"), given)  # nothing writes a or b
    pairs = {
        kind: [each.split(" share ")[0] for each in getattr(plan, kind)] for kind in ("conflicts", "warnings")
    }
    assert pairs == {
        "conflicts": [f"datasets {one} and {other}" for one, other in _pairs("ac", "ad", "bc", "bd")],
        "warnings": ["datasets 'c' and 'd'"],
    }


def _pairs(*pairs: str) -> list[tuple[str, str]]:
    return [(repr(one), repr(other)) for one, other in pairs]


def test_names_of_other_pipelines_on_the_same_location_are_no_matter() -> None:
    plan = plan_missing(selection("raw -> x"), facts("raw, x present", locations={"stranger": "/data/x"}))
    assert (plan.conflicts, plan.warnings) == ((), ())


def test_three_names_on_one_location_are_reported_in_pairs_and_locations_in_order() -> None:
    places = {"x": "/b", "y": "/b", "z": "/b", "u": "/a", "v": "/a"}
    plan = plan_missing(selection("x -> y -> z; u -> v"), facts("x, y, z, u, v present", locations=places))
    assert [sentence.split(":")[0] for sentence in plan.warnings] == [
        "datasets 'u' and 'v' share /a",
        "datasets 'x' and 'y' share /b",
        "datasets 'x' and 'z' share /b",
        "datasets 'y' and 'z' share /b",
    ]


def test_nothing_to_do_is_a_valid_plan_without_news() -> None:
    plan = plan_missing(selection("raw -> x -> y"), facts("raw, x, y present"))
    assert plan.is_valid
    assert (plan.running, plan.news) == ((), ())
    assert plan.summary == "nothing to do: 2 nodes up to date"


def test_what_runs_every_time_and_what_only_that_needs_is_no_news() -> None:
    selected = selection("raw -> m -> (); raw -> result; raw -> x", confirms={"x": "raw"})
    plan = plan_missing(selected, facts("raw, x present"))
    assert sorted(running(plan)) == ["after_m", "m", "result", "x"]
    assert plan.news == ()


def test_work_by_s1_s2_s5_and_what_it_needs_is_news() -> None:
    selected = selection(
        "raw -> m -> x; raw -> f; tune: raw -> params:p; raw -> (); m -> n; n -> ()", forced=["f"]
    )
    plan = plan_missing(selected, facts("raw, f present; x absent"))
    assert sorted(step.node.name for step in plan.news) == ["f", "m", "tune", "x"]
    assert sorted(running(plan)) == ["after_n", "after_raw", "f", "m", "n", "tune", "x"]


def test_a_producer_that_runs_every_time_is_no_news_to_a_reader_that_does_not_need_it_to() -> None:
    selected = selection("raw -> x -> y", confirms={"x": "raw"})
    plan = plan_missing(selected, facts("raw, x present; y absent"))
    assert running(plan) == ["x", "y"]
    assert [step.node.name for step in plan.news] == ["y"]


def test_work_by_propagation_or_resumption_is_news() -> None:
    selected, given = selection("raw -> x -> y"), facts("raw, x, y present", outdated={"x": ("raw",)})
    plan = plan_missing(selected, given, propagate=True)
    assert [step.node.name for step in plan.news] == ["x", "y"]
    assert [step.node.name for step in plan_missing(selected, given, owed=["y"]).news] == ["y"]
