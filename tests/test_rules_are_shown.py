"""Which tests show which rule of docs/semantics.md, clause by clause.

A rule without a test here, and a test here that is not there, fail.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

import pytest

from tests.repository import ROOT

Clauses = Mapping[str, tuple[str, ...]]
"""What a rule says, and the tests that show it, as `file::test` below tests/."""

SHOWN: Mapping[int, Clauses] = {
    1: {
        "phases run in the order of the table": (
            "unit/pipeline/test_modes.py::test_the_table_has_every_mode_of_the_contract_in_its_order",
            "unit/pipeline/test_modes.py::test_the_five_modes_run_in_the_order_of_the_table_whatever_their_priority",
            "e2e/test_five_modes.py::test_a_call_goes_through_all_five_modes",
            "polyglot/test_mixed_pipeline.py::test_values_survive_every_language_and_all_five_modes",
        ),
        "priority, worker, hook": (
            "unit/pipeline/test_modes.py::test_inside_a_phase_priority_then_worker_then_name_orders",
        ),
        "two sidecars run the same order": (
            "e2e/test_over_tcp.py::test_two_sidecars_with_the_same_registrations_run_the_same_order",
        ),
        "default priority": (
            "test_semantics_page.py::test_the_numbers_of_the_page_are_the_defaults",
        ),
        "a gate is refused in this version": (
            "unit/registry/test_manifest_check.py::test_a_bad_hook_is_refused_with_its_field_and_the_fix",
            "unit/config/test_problems.py::test_a_bad_term_of_a_hook_is_named_with_its_place_and_the_fix",
        ),
    },
    2: {
        "SEQUENTIAL and TRANSFORM chain": (
            "unit/pipeline/test_modes.py::test_serial_hooks_see_the_payload_as_the_one_before_left_it",
            "polyglot/test_mixed_pipeline.py::test_values_survive_every_language_and_all_five_modes",
        ),
        "observers see the payload as their phase begins": (
            "laws/test_laws.py::test_a_chain_of_observers_never_changes_a_byte_and_only_concurrent_may_block",
            "e2e/test_five_modes.py::test_a_call_goes_through_all_five_modes",
        ),
        "FIRE_AND_FORGET sees it at the verdict": (
            "unit/pipeline/test_modes.py::test_fire_and_forget_sees_the_payload_at_the_verdict",
        ),
    },
    3: {
        "a block ends the call": (
            "unit/pipeline/test_modes.py::test_a_block_ends_the_call_with_the_hook_and_worker_filled_in",
            "e2e/test_five_modes.py::test_a_block_ends_the_call_and_names_hook_and_worker",
        ),
        "FIRE_AND_FORGET runs all the same, and learns how it ended": (
            "unit/pipeline/test_modes.py::test_hooks_after_a_block_are_halted_and_fire_and_forget_learns_how_it_ended",
            "unit/dispatch/test_detached.py::test_detached_hooks_run_after_a_call_that_was_cancelled_or_failed",
        ),
        "no values where a TRANSFORM hook had not its turn": (
            "unit/pipeline/test_modes.py::test_values_are_withheld_when_a_transform_hook_had_not_its_turn",
            "unit/pipeline/test_modes.py::test_values_are_withheld_when_a_transform_hook_failed_open",
            "unit/pipeline/test_failures_and_time.py::test_what_is_missing_might_have_redacted_so_telemetry_gets_no_values",
        ),
        "payload_on_block": (
            "unit/pipeline/test_failures_and_time.py::test_payload_on_block_hands_values_to_telemetry_when_the_operator_says_so",
        ),
    },
    4: {
        "the first block wins and cancels the others": (
            "unit/pipeline/test_modes.py::test_concurrent_hooks_start_together_and_the_first_block_cancels_the_rest",
            "unit/dispatch/test_calls.py::test_a_block_cancels_the_other_concurrent_hooks_and_their_answers_are_dropped",
        ),
        "the order of arrival decides nothing but the report": (
            "unit/pipeline/test_order_of_arrival.py::test_whether_a_call_proceeds_never_depends_on_the_order_of_arrival",
            "unit/pipeline/test_order_of_arrival.py::test_the_first_of_a_block_and_a_failure_is_the_one_reported",
        ),
    },
    5: {
        "a block or patch that may not be changes nothing": (
            "unit/pipeline/test_modes.py::test_a_block_that_may_not_block_is_recorded_told_and_changes_nothing",
            "unit/pipeline/test_modes.py::test_a_patch_that_may_not_modify_is_recorded_told_and_changes_nothing",
            "laws/test_laws.py::test_transform_never_blocks",
        ),
        "receipt, counter and log": (
            "e2e/test_nothing_is_silent.py::test_what_a_mode_does_not_allow_is_in_receipt_counter_and_both_logs",
            "unit/dispatch/test_detached.py::test_a_block_or_patch_of_a_detached_hook_changes_nothing_and_is_not_silent",
        ),
    },
    6: {
        "exactly one answer": (
            "contract/test_malformed.py::test_a_hook_answers_with_exactly_one_thing",
            "contract/test_malformed.py::test_an_answer_has_exactly_one_outcome",
            "e2e/test_over_tcp.py::test_a_failure_of_a_worker_of_stock_stubs_has_the_class_that_the_contract_says",
        ),
        "an empty reason is filled in": (
            "unit/pipeline/test_modes.py::test_an_empty_reason_is_filled_in",
        ),
    },
    7: {
        "the operator overrides the worker": (
            "unit/registry/test_terms.py::test_the_operators_word_stands_over_the_workers",
            "e2e/test_nothing_is_silent.py::test_what_the_operator_says_of_a_hook_stands_over_its_worker",
        ),
        "no answer widens the rights of its worker": (
            "unit/pipeline/test_modes.py::test_a_patch_that_may_not_modify_is_recorded_told_and_changes_nothing",
            "unit/pipeline/test_failures_and_time.py::test_a_worker_cannot_claim_that_it_was_unreachable",
        ),
    },
    8: {
        "a field is replaced whole or added": (
            "unit/worker/test_results.py::test_modify_sends_the_changed_field_and_no_other",
            "unit/worker/test_results.py::test_modify_adds_a_field_that_was_not_there",
            "unit/client/test_payload.py::test_a_patch_replaces_whole_fields_and_adds_new_ones",
        ),
        "each name once on the wire": (
            "contract/test_malformed.py::test_a_broken_payload_is_refused_on_every_leg",
            "contract/test_malformed.py::test_a_name_twice_is_refused_in_a_payload_that_comes_in_two_pieces",
            "e2e/test_unary_invoke.py::test_a_field_that_stands_twice_on_the_wire_is_malformed",
        ),
        "a superseded value is in no byte": (
            "contract/test_round_trips.py::test_a_replaced_value_is_in_none_of_the_octets",
            "e2e/test_redaction.py::test_a_secret_that_was_removed_is_in_no_byte_that_others_received",
        ),
    },
    9: {
        "writable fields come from catalogue or configuration": (
            "unit/registry/test_live_list.py::test_a_plan_carries_its_types_writable_fields_and_payload_limit",
            "unit/registry/test_live_list.py::test_the_configurations_writable_fields_stand_in_place_of_the_catalogues",
        ),
        "none without": (
            "unit/registry/test_live_list.py::test_a_type_that_nobody_gave_a_writable_set_has_none",
            "unit/pipeline/test_modes.py::test_a_type_without_a_writable_set_lets_nothing_be_written",
        ),
    },
    10: {
        "rejected fields are told, the rest applies": (
            "unit/pipeline/test_modes.py::test_fields_outside_the_writable_set_are_rejected_and_the_rest_applies",
            "e2e/test_nothing_is_silent.py::test_a_field_that_hooks_may_not_write_is_told_to_everyone",
        ),
        "on_rejected: error": (
            "unit/pipeline/test_failures_and_time.py::test_rejected_fields_are_a_failure_under_on_rejected_error",
        ),
    },
    11: {
        "what JSON may be": (
            "unit/test_json.py::test_what_is_written_is_what_the_standard_library_reads",
            "unit/test_json.py::test_octets_that_are_not_json_are_refused",
            "unit/test_json.py::test_a_key_that_stands_twice_is_refused",
            "unit/test_json.py::test_an_integer_beyond_64_bit_is_refused_wherever_it_stands",
            "unit/test_json.py::test_bytes_travel_raw_and_all_else_as_json",
        ),
        "an encode error at its author": (
            "unit/test_json.py::test_what_json_cannot_carry_is_refused_with_its_path",
            "client/test_invoke.py::test_a_value_that_cannot_travel_is_an_encode_error_and_nothing_is_sent",
            "e2e/test_bad_input.py::test_a_value_that_is_not_json_is_refused_where_it_is_made",
        ),
        "values survive unchanged, in every language": (
            "client/test_invoke.py::test_values_arrive_and_return_exactly",
            "contract/test_malformed.py::test_a_relay_does_not_look_into_values",
            "polyglot/test_mixed_pipeline.py::test_values_survive_every_language_and_all_five_modes",
            "polyglot/test_no_sdk_workers.py::test_a_patch_holds_the_changed_field_and_every_other_member_as_it_was",
        ),
    },
    12: {
        "unchanged is the same kind and octets": (
            "unit/pipeline/test_modes.py::test_the_same_octets_are_no_change_and_other_octets_of_the_same_number_are",
            "unit/worker/test_results.py::test_text_and_bytes_of_one_content_are_a_change",
        ),
        "a bad value is its writer's": (
            "unit/pipeline/test_failures_and_time.py::test_a_bad_value_is_charged_to_the_hook_that_wrote_it",
        ),
        "the digest": (
            "unit/test_digest.py::test_the_digest_of_three_fields_worked_out_by_hand",
            "unit/test_digest.py::test_names_sort_by_their_utf8_and_not_by_their_utf16",
        ),
    },
    13: {
        "the classes": (
            "contract/test_enums.py::test_a_set_has_the_names_and_numbers_of_the_contract",
            "e2e/test_dead_guards.py::test_a_worker_killed_between_calls_fails_the_next_one",
            "e2e/test_time_and_cancelling.py::test_a_slow_hook_fails_the_call_as_a_timeout_under_fail",
            "e2e/test_over_tcp.py::test_a_failure_of_a_worker_of_stock_stubs_has_the_class_that_the_contract_says",
            "transport/test_dial.py::test_the_status_of_a_single_run_is_a_failure_that_repeats_no_text_of_the_worker",
        ),
        "what may decide is never shed, and fails as overloaded": (
            "unit/pipeline/test_shedding.py::test_what_may_decide_the_call_is_never_shed",
            "unit/dispatch/test_turnstile.py::test_a_full_queue_fails_the_next_guard_as_overloaded",
        ),
        "a failure is never a block": (
            "e2e/test_five_modes.py::test_a_failing_guard_fails_the_call_and_is_no_violation",
            "e2e/test_unary_invoke.py::test_a_failure_is_a_status_with_one_error_info_and_the_receipt",
            "polyglot/test_no_sdk_workers.py::test_a_failure_is_an_error_and_no_block",
        ),
    },
    14: {
        "fail": (
            "unit/pipeline/test_failures_and_time.py::test_a_failure_under_fail_ends_the_call_and_names_hook_worker_and_class",
            "unit/pipeline/test_failures_and_time.py::test_the_default_of_each_mode",
        ),
        "ignore": (
            "unit/pipeline/test_failures_and_time.py::test_a_failure_under_ignore_lets_the_call_go_on_with_the_payload_as_it_was",
            "e2e/test_five_modes.py::test_a_guard_that_fails_open_is_recorded_and_counted",
        ),
        "disable is refused in this version": (
            "unit/registry/test_manifest_check.py::test_a_bad_hook_is_refused_with_its_field_and_the_fix",
            "unit/config/test_problems.py::test_a_bad_term_of_a_hook_is_named_with_its_place_and_the_fix",
        ),
        "required overrides": (
            "unit/pipeline/test_failures_and_time.py::test_required_overrides_ignore",
            "unit/registry/test_terms.py::test_a_required_hook_fails_the_call_whatever_else_is_said",
        ),
    },
    15: {
        "a detached failure never reaches the caller": (
            "unit/dispatch/test_detached.py::test_a_hook_that_fails_loses_its_event",
            "e2e/test_nothing_is_silent.py::test_a_detached_hook_that_oversteps_or_fails_is_told_and_never_reaches_the_caller",
        ),
    },
    16: {
        "the first event that ends the call wins": (
            "unit/pipeline/test_failures_and_time.py::test_a_concurrent_failure_cancels_its_siblings",
            "unit/pipeline/test_order_of_arrival.py::test_the_first_of_a_block_and_a_failure_is_the_one_reported",
        ),
    },
    17: {
        "each hook has the less of its timeout and what is left": (
            "unit/pipeline/test_failures_and_time.py::test_a_hook_has_its_own_timeout_and_the_chain_goes_on_under_ignore",
            "unit/pipeline/test_failures_and_time.py::test_the_budget_is_spent_over_the_chain_and_each_hook_is_told_what_is_left",
        ),
        "time in a queue counts": (
            "unit/worker/test_dispatch.py::test_time_that_runs_out_in_the_queue_is_overload_and_nothing_is_called",
            "unit/dispatch/test_detached.py::test_the_time_of_an_event_runs_in_the_queue_too_and_is_overloaded_there",
            "unit/dispatch/test_turnstile.py::test_the_time_in_the_queue_counts_and_expiring_there_is_overloaded",
            "unit/pipeline/test_shedding.py::test_a_run_that_was_never_sent_expires_as_overloaded",
            "e2e/test_overload.py::test_a_guard_whose_turn_never_comes_fails_as_overloaded",
        ),
        "observers have a share": (
            "unit/pipeline/test_failures_and_time.py::test_an_observer_cannot_starve_a_gate",
        ),
        "FIRE_AND_FORGET is outside the budget": (
            "e2e/test_time_and_cancelling.py::test_the_sidecar_answers_with_a_receipt_before_the_client_gives_up",
        ),
        "defaults": ("test_semantics_page.py::test_the_numbers_of_the_page_are_the_defaults",),
    },
    18: {
        "the sidecar answers before the client gives up": (
            "unit/dispatch/test_calls.py::test_the_budget_of_a_call_ends_it_a_margin_early",
            "unit/pipeline/test_failures_and_time.py::test_running_out_is_the_deadline_error_with_a_receipt_before_the_caller_gives_up",
            "e2e/test_unary_invoke.py::test_a_budget_that_runs_out_is_the_deadline_error_with_the_receipt",
            "e2e/test_over_tcp.py::test_a_budget_that_runs_out_in_a_single_run_is_the_deadline_error",
        ),
        "a cancel inside the margin is a deadline": (
            "unit/pipeline/test_failures_and_time.py::test_a_cancel_inside_the_margin_is_a_deadline",
        ),
        "the receipt exists when the caller is gone": (
            "e2e/test_nothing_is_silent.py::test_a_call_whose_caller_is_gone_is_in_the_log_and_in_the_metrics",
        ),
        "late answers are dropped, counted and nobody else's": (
            "unit/dispatch/test_calls.py::test_an_answer_past_its_time_that_overtakes_the_clock_is_dropped_and_counted",
            "unit/dispatch/test_calls.py::test_two_calls_never_get_each_others_answers",
            "client/test_answers.py::test_a_late_answer_is_dropped_and_counted_and_never_another_call_s",
        ),
    },
    19: {
        "real for asynchronous handlers": (
            "unit/worker/test_dispatch.py::test_cancelling_reaches_a_coroutine_handler",
            "e2e/test_time_and_cancelling.py::test_a_caller_that_gives_up_is_seen_by_the_hook_and_by_telemetry",
            "e2e/test_over_tcp.py::test_a_single_run_is_cancelled_in_its_worker_when_its_time_is_over",
        ),
        "cooperative for blocking ones": (
            "unit/worker/test_dispatch.py::test_a_cancelled_blocking_handler_is_told_and_keeps_its_thread_until_it_returns",
            "unit/worker/test_threads.py::test_a_cancelled_function_keeps_its_slot_until_it_returns",
        ),
        "the slot stays busy": (
            "transport/test_attach.py::test_a_cancelled_run_holds_its_place_until_the_worker_says_it_has_ended",
            "unit/local/test_link.py::test_a_run_that_is_cancelled_never_answers_and_holds_its_place_until_it_has_ended",
        ),
    },
    20: {
        "no verdict, and no values for telemetry": (
            "unit/pipeline/test_failures_and_time.py::test_a_cancel_stops_what_runs_and_telemetry_gets_no_values",
            "e2e/test_time_and_cancelling.py::test_a_caller_that_gives_up_is_seen_by_the_hook_and_by_telemetry",
        ),
    },
    21: {
        "what a call carries": ("client/test_invoke.py::test_a_call_carries_its_context",),
        "whose writes are kept": (
            "unit/pipeline/test_state.py::test_the_next_hook_sees_what_was_kept_and_the_client_gets_only_what_changed",
            "unit/pipeline/test_state.py::test_audit_keeps_no_state",
            "unit/pipeline/test_state.py::test_concurrent_writes_apply_in_plan_order_whatever_the_order_of_arrival",
            "unit/pipeline/test_state.py::test_of_a_concurrent_phase_that_blocked_only_the_blockers_writes_are_kept",
        ),
        "blocked and failed calls return state too": (
            "unit/pipeline/test_state.py::test_a_blocked_call_returns_state_too",
            "e2e/test_nothing_is_silent.py::test_state_is_a_workers_own_and_comes_back_from_blocked_and_failed_calls",
        ),
        "at most 64 KiB": (
            "unit/pipeline/test_state.py::test_state_over_the_limit_is_a_failure_of_the_hook_that_wrote_it",
            "unit/client/test_session.py::test_the_largest_state_is_taken",
            "test_semantics_page.py::test_the_numbers_of_the_page_are_the_defaults",
        ),
        "keys live under the worker's name": (
            "unit/pipeline/test_state.py::test_a_worker_sees_its_own_keys_without_its_name_and_the_shared_ones",
        ),
    },
    22: {
        "named scopes": (
            "unit/pipeline/test_failures_and_time.py::test_scoped_hooks_run_only_for_calls_of_their_tenant_that_name_them",
            "e2e/test_scopes.py::test_named_scopes_of_two_tenants_do_not_meet",
        ),
        "unknown names": (
            "unit/dispatch/test_calls.py::test_an_unknown_scope_is_in_the_receipt_and_an_error_under_strict_scopes",
        ),
        "a required hook has no scope": (
            "unit/registry/test_manifest_check.py::test_a_required_hook_may_not_declare_a_scope",
            "unit/registry/test_manifest_check.py::test_a_kept_hook_that_is_required_later_runs_for_every_call",
        ),
        "handles": (
            "transport/test_attach.py::test_a_scope_gets_a_handle_and_runs_only_for_calls_that_name_it",
            "unit/dispatch/test_calls.py::test_a_handle_that_nobody_knows_fails_the_call_as_unreachable",
            "unit/pipeline/test_failures_and_time.py::test_a_lost_scope_handle_fails_the_call_as_unreachable",
            "unit/registry/test_scopes.py::test_the_hooks_of_a_handle_that_is_gone_are_unreachable_and_not_forgotten",
            "e2e/test_shared_sidecars.py::test_a_scope_of_the_application_s_own_is_known_where_its_calls_go",
        ),
        "two sessions never fire each other's hooks": (
            "e2e/test_scopes.py::test_two_hundred_sessions_never_fire_each_others_hooks",
            "isolation/test_cross_fires.py::test_no_answer_is_mixed_up_and_no_hook_fires_outside_its_scope",
            "transport/test_attach.py::test_two_scopes_have_handles_of_their_own_and_never_fire_each_other",
        ),
    },
    23: {
        "conditions and sampling are refused in this version": (
            "unit/registry/test_manifest_check.py::test_a_bad_hook_is_refused_with_its_field_and_the_fix",
            "unit/config/test_problems.py::test_a_bad_term_of_a_hook_is_named_with_its_place_and_the_fix",
            "e2e/test_bad_input.py::test_a_worker_is_refused_with_every_problem_of_its_manifest",
        ),
    },
    24: {
        "one line for each hook, run or not": (
            "laws/test_laws.py::test_the_pipeline_does_what_the_reference_model_says",
            "unit/dispatch/test_calls.py::test_a_fault_in_a_transport_ends_the_call_as_internal_with_a_line_for_every_hook",
            "e2e/test_receipts_add_up.py::test_a_receipt_that_leaves_a_hook_out_fails_the_test_of_whoever_got_it",
            "polyglot/test_mixed_pipeline.py::test_the_guard_of_a_killed_worker_fails_the_call",
        ),
        "call id and generation": (
            "e2e/test_receipts_add_up.py::test_a_receipt_names_its_call_and_the_generation_of_the_plan",
        ),
    },
    25: {
        "a guard did not run": (
            "unit/ops/test_metrics.py::test_guards_that_did_not_run_have_one_counter",
            "e2e/test_nothing_is_silent.py::test_a_call_that_went_on_without_a_sidecar_is_a_guard_that_was_missed",
        ),
        "a detached event was lost": (
            "unit/ops/test_metrics.py::test_detached_events_that_were_lost_have_one_counter",
            "e2e/test_nothing_is_silent.py::test_a_detached_hook_that_oversteps_or_fails_is_told_and_never_reaches_the_caller",
        ),
        "accepted is delivered, failed, shed and queued": (
            "unit/dispatch/test_detached_adds_up.py::test_nothing_is_counted_twice_or_not_at_all",
            "e2e/test_detached_journal.py::test_no_event_that_was_accepted_is_lost_when_the_sidecar_is_killed",
        ),
    },
    26: {
        "a goodbye removes nothing": (
            "unit/registry/test_dead_guards.py::test_a_goodbye_takes_no_hook_out_of_the_plan_and_gives_the_instance_no_runs",
            "e2e/test_dead_guards.py::test_replicas_that_all_left_in_an_orderly_way_are_missed_until_retired",
        ),
        "a lost worker leaves its hooks unreachable": (
            "unit/registry/test_dead_guards.py::test_a_lost_connection_leaves_the_hook_unreachable",
            "e2e/test_dead_guards.py::test_a_worker_killed_in_the_middle_of_a_call_fails_the_call",
            "polyglot/test_mixed_pipeline.py::test_the_guard_of_a_killed_worker_fails_the_call",
        ),
        "retiring": (
            "e2e/test_operating.py::test_a_guard_that_is_gone_fails_calls_until_it_is_retired",
        ),
        "manifests are kept over restarts": (
            "e2e/test_operating.py::test_a_restarted_sidecar_remembers_its_guards",
            "e2e/test_dead_guards.py::test_a_sidecar_that_starts_before_its_workers_knows_what_it_misses",
        ),
        "--dev": (
            "e2e/test_operating.py::test_development_mode_forgets_with_the_worker_and_says_so",
        ),
    },
    27: {
        "the least loaded healthy instance": (
            "unit/dispatch/test_routing.py::test_a_run_goes_to_the_least_loaded_instance",
            "unit/dispatch/test_routing.py::test_unhealthy_and_draining_instances_get_nothing",
            "e2e/test_dead_guards.py::test_with_one_of_two_replicas_killed_the_other_serves",
        ),
        "sent once, repeated only where idempotent": (
            "unit/dispatch/test_routing.py::test_a_run_that_was_never_sent_goes_to_another_instance",
            "e2e/test_dead_guards.py::test_a_run_that_was_sent_is_repeated_only_for_an_idempotent_hook",
        ),
        "the union of the hooks it was ever ready with": (
            "unit/registry/test_laws.py::test_a_hook_that_was_ever_ready_stays",
            "e2e/test_dead_guards.py::test_a_worker_that_comes_back_without_a_guard_leaves_it_unreachable",
        ),
        "weaker manifests": (
            "unit/registry/test_laws.py::test_terms_never_become_weaker_without_consent",
            "e2e/test_nothing_is_silent.py::test_a_worker_that_comes_back_weaker_is_refused_its_new_terms_and_told",
        ),
        "bound to a token": (
            "unit/registry/test_identity.py::test_a_name_bound_to_a_token_is_refused_to_others",
            "transport/test_tokens.py::test_without_the_token_the_name_is_refused_logged_and_counted",
            "transport/test_tokens.py::test_a_token_does_not_go_over_the_network_in_plain_text",
            "e2e/test_identity.py::test_a_worker_without_the_token_of_its_name_ends_and_one_with_it_serves",
        ),
        "bound to a certificate": (
            "unit/registry/test_identity.py::test_which_names_a_certificate_stands_for",
            "transport/test_tls.py::test_who_has_no_certificate_of_the_authority_is_refused",
            "transport/test_tls.py::test_a_name_bound_to_a_certificate_is_given_to_who_shows_it",
            "transport/test_tls.py::test_a_worker_that_is_not_the_one_of_the_target_is_not_dialled",
            "e2e/test_identity.py::test_a_bound_name_is_served_called_and_retired_over_tls",
        ),
        "bound to a user, where the transport can tell": (
            "unit/registry/test_manifest_check.py::test_a_name_bound_to_a_user_is_refused_to_others",
            "transport/test_dial.py::test_a_name_bound_to_a_user_is_checked_against_the_socket_s_process",
            "transport/test_tls.py::test_the_user_of_a_bound_name_is_told_on_the_socket_beside_tls",
        ),
        "a dialled worker is who its target says": (
            "unit/registry/test_manifest_check.py::test_a_dialled_target_must_answer_with_the_name_it_is_configured_under",
            "unit/registry/test_identity.py::test_the_name_of_a_dialled_worker_is_not_given_to_one_that_attaches",
        ),
        "identity and the registration socket": (
            "unit/rpc/test_registry_service.py::test_a_name_that_is_bound_to_another_user_is_refused",
            "e2e/test_bad_input.py::test_a_worker_at_the_door_for_applications_is_sent_to_the_right_one",
            "e2e/test_over_tcp.py::test_the_tcp_address_of_applications_takes_no_workers",
        ),
    },
    28: {
        "what is missing fails calls": (
            "unit/registry/test_required.py::test_a_worker_of_the_configuration_that_was_never_seen_fails_calls_of_every_type",
            "unit/registry/test_required.py::test_when_its_types_are_configured_only_their_calls_fail",
            "unit/registry/test_required.py::test_an_optional_worker_is_not_waited_for",
            "unit/registry/test_required.py::test_a_required_type_needs_a_hook_that_runs_for_every_call",
        ),
        "readiness latches": (
            "e2e/test_operating.py::test_readiness_waits_for_what_is_required_and_then_stays",
        ),
        "configuration for nobody is degraded": (
            "unit/registry/test_view.py::test_configuration_that_nobody_lives_up_to_is_degraded",
        ),
    },
    29: {
        "types are declared": (
            "unit/registry/test_live_list.py::test_declared_are_the_types_of_the_catalogue_and_the_configuration",
        ),
        "refused by name, on the fast path too": (
            "e2e/test_bad_input.py::test_a_hook_type_that_is_not_declared_is_refused_with_and_without_a_round_trip",
            "client/test_live_list.py::test_an_undeclared_type_is_refused_without_a_round_trip",
            "e2e/test_bad_input.py::test_a_worker_is_refused_with_every_problem_of_its_manifest",
        ),
        "unless allowed": ("e2e/test_bad_input.py::test_undeclared_types_may_be_allowed",),
    },
    30: {
        "skipped only on a complete list inside its lease": (
            "client/test_live_list.py::test_a_type_that_nobody_listens_to_costs_no_round_trip",
            "client/test_live_list.py::test_an_incomplete_list_is_never_taken_for_nobody_listens",
            "client/test_live_list.py::test_a_list_that_is_frozen_is_not_believed_past_its_lease",
            "e2e/test_dead_guards.py::test_a_frozen_sidecar_is_never_taken_for_nobody_listens",
        ),
        "of several sidecars each must say so": (
            "unit/client/test_merged_list.py::test_nobody_listens_only_where_every_sidecar_says_so",
            "client/test_spread.py::test_a_type_is_left_out_only_when_every_connected_sidecar_says_so",
        ),
        "active once every holder has it or its lease ran out": (
            "unit/rpc/test_watch_hooks.py::test_a_worker_is_told_that_its_hooks_are_active_only_when_every_client_knows_them",
            "unit/rpc/test_watch_hooks.py::test_a_client_that_is_silent_is_waited_for_no_longer_than_its_lease",
        ),
    },
    31: {
        "an error that is no violation": (
            "client/test_unavailable.py::test_the_error_names_the_socket_and_the_command_that_starts_a_sidecar",
            "e2e/test_bad_input.py::test_no_sidecar_is_an_error_that_names_the_socket_and_the_command",
        ),
        "proceeding is explicit, logged and counted": (
            "client/test_unavailable.py::test_it_is_logged_and_counted_each_time",
            "e2e/test_nothing_is_silent.py::test_a_call_that_went_on_without_a_sidecar_is_a_guard_that_was_missed",
        ),
    },
    32: {
        "refused before any hook runs": (
            "unit/dispatch/test_calls.py::test_a_payload_at_the_limit_is_taken_and_both_sizes_are_named_above_it",
            "e2e/test_bad_input.py::test_a_payload_over_the_limit_is_refused_before_any_hook_runs",
            "e2e/test_unary_invoke.py::test_a_payload_over_the_limit_is_refused_with_both_sizes",
        ),
    },
    33: {
        "drop the oldest": (
            "unit/dispatch/test_detached_room.py::test_drop_oldest_takes_the_newest_and_counts_the_oldest_as_shed",
        ),
        "make the call wait up to a limit": (
            "unit/dispatch/test_detached_room.py::test_wait_makes_the_call_wait_until_there_is_room",
            "unit/dispatch/test_detached_room.py::test_a_call_that_waited_long_enough_is_answered_and_its_event_shed",
            "unit/dispatch/test_detached_room.py::test_a_call_never_waits_longer_than_its_budget",
        ),
        "one hook does not hold up the others": (
            "unit/dispatch/test_detached_turns.py::test_a_hook_that_hangs_leaves_the_rest_of_its_worker_to_the_others",
        ),
        "repeated only where idempotent": (
            "unit/dispatch/test_detached_retry.py::test_a_failed_run_of_an_idempotent_hook_is_repeated_with_the_same_key",
            "unit/dispatch/test_detached_retry.py::test_a_run_that_was_sent_is_never_repeated_for_other_hooks",
            "e2e/test_detached_journal.py::test_a_hook_that_is_not_idempotent_runs_at_most_once_whatever_happens",
        ),
        "a journal loses nothing": (
            "e2e/test_detached_journal.py::test_no_event_that_was_accepted_is_lost_when_the_sidecar_is_killed",
            "unit/dispatch/test_detached_journal.py::test_an_event_that_cannot_be_written_is_shed_counted_and_logged",
        ),
        "bounded, the newest is dropped and counted": (
            "unit/dispatch/test_detached.py::test_a_full_queue_drops_the_newest_and_the_receipt_says_shed",
            "e2e/test_receipts_add_up.py::test_events_that_a_full_queue_drops_are_in_receipt_and_counter",
        ),
        "a drop is shed and counted, also when the sidecar is near its limit": (
            "unit/dispatch/test_shedding.py::test_telemetry_goes_first_then_observers_and_guards_never",
            "unit/dispatch/test_shedding.py::test_the_receipt_says_why_and_the_loss_of_telemetry_is_counted",
            "e2e/test_overload.py::test_a_sidecar_near_its_limit_sheds_observers_then_refuses_and_guards_still_decide",
        ),
        "a stop delivers what it can and reports the rest": (
            "e2e/test_stop.py::test_a_call_under_way_is_finished",
            "e2e/test_stop.py::test_detached_work_is_delivered_first",
            "e2e/test_stop.py::test_what_could_not_be_delivered_is_reported",
            "e2e/test_detached_journal.py::test_what_a_stop_could_not_deliver_is_kept_and_delivered_by_the_next_start",
        ),
    },
}


def rules() -> list[int]:
    """The numbers of the rules on the page, as they stand there."""
    page = (ROOT / "docs" / "semantics.md").read_text()
    return [int(number) for number in re.findall(r"^(\d+)\. ", page, re.MULTILINE)]


def named() -> Iterator[str]:
    """Every test in the table."""
    for clauses in SHOWN.values():
        for tests in clauses.values():
            yield from tests


@cache
def defined_in(file: str) -> Counter[str]:
    """The tests that a file below tests/ defines, in classes too."""
    path = ROOT / "tests" / file
    if not path.is_file():
        return Counter()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return Counter(
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)
    )


def test_every_rule_of_the_page_has_its_tests() -> None:
    assert rules() == list(range(1, 34))
    assert list(SHOWN) == rules()
    assert all(clauses and all(clauses.values()) for clauses in SHOWN.values())


@pytest.mark.parametrize("test", sorted(set(named())))
def test_a_test_that_shows_a_rule_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert name.startswith("test_")
    assert defined_in(file)[name] == 1
