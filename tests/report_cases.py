"""Reports to render: one of every kind, built from the model alone."""

import math
from typing import Any

import msgspec

from perfgate.model import (
    Baseline,
    BaselineEdit,
    Benchmark,
    Comparison,
    Environment,
    Evidence,
    Explanation,
    Failure,
    FailureKind,
    GrownFunction,
    Judgement,
    LimitBreach,
    Note,
    NoteKind,
    ProcessRun,
    Reason,
    ReferenceKind,
    Report,
    Results,
    Revision,
    Verdict,
)
from perfgate.report.text import quote_shell

BASE = "4f1d0c9be2a77d3f5e6a8b9c0d1e2f3a4b5c6d7e"
APPROVED = "a90b7c3344556677889900aabbccddeeff001122"
FAILING = (Verdict.REGRESSED, Verdict.LIMIT_EXCEEDED, Verdict.MISSING, Verdict.ERRORED)
STRIPE = "benchmarks/test_stripe.py"


def paired(
    percent: float, *, spread: float = 0.01, reference: ReferenceKind = ReferenceKind.MERGE_BASE
) -> Comparison:
    effect = math.log1p(percent / 100)
    return Comparison(
        reference=reference,
        commit=APPROVED if reference is ReferenceKind.APPROVED else BASE,
        log_ratio=effect,
        low=effect - spread,
        high=effect + spread,
        p_value=0.001,
        smallest_findable=2 * spread,
        samples=7,
        reference_s=1.2e-5,
        candidate_s=1.2e-5 * math.exp(effect),
    )


def baseline(seconds: float = 1.2e-5, *, reason: str = "first numbers") -> Baseline:
    return Baseline(
        low_s=seconds * 0.97,
        median_s=seconds,
        spread=0.008,
        processes=5,
        cpu="AMD EPYC 7763 64-Core Processor",
        reason=reason,
    )


def judged(name: str, verdict: Verdict, reason: Reason, **fields: Any) -> Judgement:
    return Judgement(
        benchmark=f"{STRIPE}::{name}",
        suite="stripe",
        verdict=verdict,
        reason=reason,
        threshold=0.05,
        floor_s=0.0,
        path=STRIPE,
        line=12,
        **fields,
    )


def passed(name: str, percent: float = 0.3) -> Judgement:
    return judged(
        name,
        Verdict.PASSED,
        Reason.WITHIN_THRESHOLD,
        comparisons=(paired(percent),),
        candidate_s=1.2e-5,
    )


def report(*judgements: Judgement, **fields: Any) -> Report:
    fields = {
        "results": results(*judgements),
        "base": Revision(commit=BASE),
        "is_default_branch": False,
        "fails_on": FAILING,
        "undecided_fails": True,
        "exit_status": 0,
        "duration_s": 83.4,
        **fields,
    }
    return Report(judgements=judgements, **fields)


def results(*judgements: Judgement, **environment: Any) -> Results:
    run = ProcessRun(rounds=20, iterations=80, min_s=1.1e-5, median_s=1.2e-5)
    benchmarks = tuple(
        Benchmark(
            id=judgement.benchmark,
            suite=judgement.suite,
            runs=() if judgement.verdict is Verdict.ERRORED else (run,),
            failure=Failure(kind=FailureKind.RAISED, message=judgement.message)
            if judgement.verdict is Verdict.ERRORED
            else None,
        )
        for judgement in judgements
        if judgement.verdict is not Verdict.MISSING
    )
    known = {
        "system": "linux",
        "machine": "x86_64",
        "implementation": "cpython",
        "python": "3.12.4",
        "cpu_model": "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
        "cpu_count": 4,
    }
    return Results(
        environment=Environment(**{**known, **environment}),
        revision=Revision(
            commit="c0ffee1234567890c0ffee1234567890c0ffee12", branch="faster-refunds"
        ),
        benchmarks=benchmarks,
    )


def all_passed() -> Report:
    return report(*(passed(f"test_operation[{i}]", percent=i / 10) for i in range(5)))


def regression() -> Report:
    return report(
        passed("test_refund"),
        judged(
            "test_create_customer[card]",
            Verdict.REGRESSED,
            Reason.SLOWER,
            comparisons=(
                paired(12.4),
                paired(14.9, reference=ReferenceKind.APPROVED),
            ),
            baseline=baseline(),
            candidate_s=1.35e-5,
        ),
        *(passed(f"test_list_charges[{i}]") for i in range(3)),
        exit_status=1,
    )


def explained(text: str = "price") -> Report:
    """A regression whose functions have names and files from outside."""
    slower = regression()
    grown = GrownFunction(
        name=text,
        file=f"src/{text}.py",
        line=4,
        before_s=7e-6,
        after_s=1e-5,
        calls_before=1.0,
        calls_after=2.0,
    )
    new = msgspec.structs.replace(grown, name="check", before_s=0.0, calls_before=2.0)
    evidence = tuple(
        Evidence(
            benchmark=one.benchmark,
            suite=one.suite,
            explanation=Explanation(commit=BASE, functions=(grown, new)),
        )
        for one in slower.judgements
    )
    return msgspec.structs.replace(slower, evidence=evidence)


def undecided() -> Report:
    """Every way not to decide, with the footnotes that go with them."""
    noisy = paired(3.0, spread=0.04)
    return report(
        judged("test_noisy", Verdict.UNDECIDED, Reason.TOO_NOISY, comparisons=(noisy,)),
        judged(
            "test_one_process",
            Verdict.UNDECIDED,
            Reason.TOO_NOISY,
            comparisons=(unbounded(),),
        ),
        judged(
            "test_other_cpu",
            Verdict.UNDECIDED,
            Reason.OTHER_HARDWARE,
            baseline=baseline(),
            candidate_s=1.9e-5,
        ),
        judged("test_elsewhere", Verdict.UNDECIDED, Reason.OTHER_ENVIRONMENT, candidate_s=2e-3),
        judged("test_late", Verdict.UNDECIDED, Reason.OUT_OF_BUDGET, comparisons=(noisy,)),
        judged("test_later", Verdict.UNDECIDED, Reason.OUT_OF_BUDGET),
        judged("test_alone", Verdict.UNDECIDED, Reason.NO_REFERENCE, baseline=baseline()),
        judged(
            "test_few_rounds",
            Verdict.UNDECIDED,
            Reason.LIMIT_UNMEASURED,
            breaches=(LimitBreach(expression="p95 < 500ms", measured=None),),
        ),
        judged("test_async", Verdict.UNDECIDED, Reason.UNFIT, message="its target is async"),
        exit_status=3,
        notes=(
            Note(kind=NoteKind.OTHER_HARDWARE, facts=("AMD EPYC 7763 64-Core Processor",)),
            Note(kind=NoteKind.SINGLE_PROCESS),
            Note(kind=NoteKind.BUDGET, facts=("10m",)),
            Note(kind=NoteKind.DIRTY),
        ),
    )


def unbounded() -> Comparison:
    return Comparison(
        reference=ReferenceKind.COMMITTED,
        log_ratio=0.03,
        low=None,
        high=None,
        smallest_findable=None,
        samples=1,
    )


def mixture() -> Report:
    """Every verdict once, and a few that passed."""
    return report(
        judged(
            "test_create_customer[card]",
            Verdict.REGRESSED,
            Reason.SLOWER,
            comparisons=(paired(12.4),),
            baseline=baseline(),
        ),
        judged(
            "test_list_charges",
            Verdict.REGRESSED,
            Reason.SLOWER_IN_SUM,
            comparisons=(
                paired(8.3, reference=ReferenceKind.APPROVED),
                paired(2.1),
            ),
            baseline=baseline(),
        ),
        judged("test_retry", Verdict.REGRESSED, Reason.SLOWER, comparisons=(paired(131),)),
        judged(
            "test_webhook",
            Verdict.LIMIT_EXCEEDED,
            Reason.LIMIT,
            comparisons=(paired(0.4),),
            breaches=(
                LimitBreach(expression="p95 < 500ms", measured=0.612),
                LimitBreach(expression="success_rate > 95%", measured=0.92),
            ),
        ),
        judged(
            "test_payout",
            Verdict.ERRORED,
            Reason.RAISED,
            message="ZeroDivisionError: division by zero",
        ),
        judged(
            "test_old_name",
            Verdict.MISSING,
            Reason.NOT_MEASURED,
            baseline=baseline(),
            similar=f"{STRIPE}::test_new_name",
        ),
        judged(
            "test_search",
            Verdict.DRIFTED,
            Reason.DRIFTED_BEFORE,
            comparisons=(paired(6.2, reference=ReferenceKind.APPROVED), paired(0.1)),
        ),
        judged(
            "test_transfer",
            Verdict.UNDECIDED,
            Reason.TOO_NOISY,
            comparisons=(paired(3.0, spread=0.04),),
        ),
        judged("test_balance", Verdict.IMPROVED, Reason.FASTER, comparisons=(paired(-71),)),
        judged(
            "test_upload",
            Verdict.ACCEPTED,
            Reason.BASELINE_EDITED,
            comparisons=(paired(20.0),),
            edit=BaselineEdit(
                old=baseline(0.00312), new=baseline(0.0039, reason="checksums are verified now")
            ),
        ),
        judged(
            "test_new_name",
            Verdict.NEW,
            Reason.NO_BASELINE,
            candidate_s=1.2e-5,
            similar=f"{STRIPE}::test_old_name",
        ),
        judged(
            "test_refund",
            Verdict.PASSED,
            Reason.WAIVED,
            comparisons=(paired(11.0),),
            message="waiting for the upstream fix",
            waiver_expires="2026-12-31",
        ),
        *(passed(f"test_operation[{i}]") for i in range(3)),
        exit_status=1,
        notes=(Note(kind=NoteKind.UNPINNED),),
    )


def empty() -> Report:
    return report(exit_status=3, base=None)


def many(count: int = 2_000) -> Report:
    """More than a comment holds: a tenth regressed, a tenth improved, the others passed."""
    judgements = []
    for i in range(count):
        name = f"test_operation[{i:04}-with-some-parameters]"
        if i % 10 == 0:
            judgements.append(
                judged(
                    name,
                    Verdict.REGRESSED,
                    Reason.SLOWER,
                    comparisons=(paired(10 + i / count),),
                )
            )
        elif i % 10 == 1:
            judgements.append(
                judged(name, Verdict.IMPROVED, Reason.FASTER, comparisons=(paired(-20),))
            )
        else:
            judgements.append(passed(name))
    return report(*judgements, exit_status=1)


def with_text(text: str) -> Report:
    """A report that says the text in every field that comes from outside."""
    effect = paired(12.4)
    named: dict[str, Any] = {
        "suite": text,
        "threshold": 0.05,
        "floor_s": 0.0,
        "path": text,
        "line": 3,
    }
    judgements = (
        Judgement(
            benchmark=text,
            verdict=Verdict.REGRESSED,
            reason=Reason.SLOWER,
            comparisons=(effect,),
            **named,
        ),
        Judgement(
            benchmark=f"{text}1",
            verdict=Verdict.LIMIT_EXCEEDED,
            reason=Reason.LIMIT,
            breaches=(LimitBreach(expression=f"{text} < 1", measured=1.0),),
            **named,
        ),
        Judgement(
            benchmark=f"{text}2",
            verdict=Verdict.ERRORED,
            reason=Reason.RAISED,
            message=text,
            **named,
        ),
        Judgement(
            benchmark=f"{text}3",
            verdict=Verdict.MISSING,
            reason=Reason.NOT_MEASURED,
            similar=text,
            **named,
        ),
        Judgement(
            benchmark=f"{text}4",
            verdict=Verdict.UNDECIDED,
            reason=Reason.OTHER_HARDWARE,
            baseline=Baseline(
                low_s=1.0, median_s=1.0, spread=None, processes=1, cpu=text, reason=text
            ),
            **named,
        ),
        Judgement(
            benchmark=f"{text}5",
            verdict=Verdict.ACCEPTED,
            reason=Reason.BASELINE_EDITED,
            edit=BaselineEdit(old=baseline(), new=baseline(2e-5, reason=text)),
            **named,
        ),
        Judgement(
            benchmark=f"{text}6",
            verdict=Verdict.PASSED,
            reason=Reason.WAIVED,
            message=text,
            waiver_expires=text,
            **named,
        ),
    )
    measured = results(*judgements, cpu_model=text, system=text, python=text, machine=text)
    revision = Revision(commit=text, branch=text)
    return report(
        *judgements,
        title=text,
        results=Results(
            environment=measured.environment, revision=revision, benchmarks=measured.benchmarks
        ),
        base=Revision(commit=text, branch=text),
        notes=tuple(Note(kind=kind, facts=(text, text)) for kind in NoteKind),
        exit_status=1,
    )


def harmless(text: str) -> str:
    """Return words that take as much room as a text does: a long one shows no command."""
    room = len(quote_shell(text))
    return "plain" if room < 400 else "plain " * (room // 6)


HOSTILE = (
    "a|b",
    "a\\|b",
    "a\\\\|b|",
    "| :-- | :-- |",
    "`",
    "``",
    "a`b``c",
    "`" * 100,
    " ` ",
    "\\`",
    "x\\",
    "\n# heading",
    "\r\n\r\n## heading",
    "\n\n- item\n\n1. item",
    "\n\n```\n</details>\n```",
    "\u2028# heading\u2029# heading",
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "</details><h1>passed</h1>",
    "</code></td></tr></table><img src=//evil.example/x>",
    "<!-- perfgate -->",
    "--> <b>x</b> <!--",
    "<!--",
    "<![CDATA[ x",
    "]]><b>",
    "@octocat",
    "@org/team",
    "#123",
    "GH-123",
    "owner/repo#1",
    "4f1d0c9be2a77d3f5e6a8b9c0d1e2f3a4b5c6d7e",
    "https://evil.example/",
    "www.evil.example",
    "mail@evil.example",
    "[click](https://evil.example/)",
    "![x](https://evil.example/x.png)",
    "[x]: https://evil.example/",
    "[^1]",
    "<https://evil.example/>",
    "**bold** _it_ ~~gone~~",
    ":tada:",
    "&lt;b&gt; &#64;octocat &copy;",
    "$x^2$ $$y$$",
    "{{ 7 * 7 }} {% raw %}",
    "${{ github.token }}",
    "\x1b[31mred\x1b]8;;https://evil.example\x07link",
    "\x9b31m",
    "\u202egnp.x\u202c",
    "a\u200bb\u2066c\ufeff",
    "\x00\x08\x7f\x85",
    "\u3164\u2800",
    "\ufffe\uffff",
    "::error::fake",
    "%0A::error::fake",
    "'; rm -rf / #",
    "$(touch x)`touch y`",
    "[bold red]markup[/]",
    "---",
    "=====",
    " ",
    "🙂" * 40,
    "fixes #1, closes owner/repo#2, resolves https://github.com/o/r/issues/3",
    "Co-authored-by: x <x@evil.example>",
    "> [!WARNING]\n> all clear",
    "<details open><summary>passed</summary>",
    "<p align=right>right</p><br><hr>",
    "<picture><source srcset=//evil.example/x></picture>",
    "<a href=javascript:alert(1)>x</a>",
    "ftp://evil.example xmpp:a@evil.example mailto:a@evil.example",
    "![][x] [x][] [x]\n\n[x]: //evil.example/x.png",
    "` @octocat `",
    "``` @octocat ```",
    "a`@octocat`b``@octocat``c",
    "\\`@octocat\\`",
    "```suggestion\nrm -rf\n```",
    "~~~\n</details>\n~~~",
    "- [x] done",
    "@octocat\u200b@octocat",
    "\u05d0\u05d1\u05d2 (12 %) \u0645\u0631\u062d\u0628\u0627 3.14",
    "\u2067\u05d0\u2069\u200f",
    "Z\u0351\u036b\u0343\u036a\u0302" * 30,
    "\U000e0041\U000e007f\ufe0f",
    "@octocat " * 3_000,
)
