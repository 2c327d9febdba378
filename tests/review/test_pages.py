"""What a reviewer sees: the inbox, the output, its citations in their sources, both paths, figures and trends."""

import re
from html import unescape
from pathlib import Path as FilePath

import pytest

from review.blind import swapped
from tests.faults.support import BATCH_ITEM, Service, book, summary
from tests.review.support import visiting, waiting_job
from throughline.domain.job import JobStatus, PathChoice


def links(text: str, kind: str = "verified") -> list[str]:
    """The addresses of the citations that became of that kind."""
    return [unescape(link) for link in re.findall(rf'class="quote {kind}"><a href="([^"#]+)', text)]


async def test_the_inbox_shows_what_waits_with_age_cost_and_reason(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        inbox = await visitor.text("/")
    assert f'href="/jobs/{report.id}"' in inbox
    assert "less than a minute" in inbox
    assert f"${report.cost_usd:,.4f}" in inbox
    assert "waits for a person (review=always)" in inbox


async def test_an_inbox_where_nothing_waits_says_so(service: Service):
    async with visiting(service) as visitor:
        assert "Nothing waits" in await visitor.text("/")


async def test_a_jobs_page_is_the_document_with_its_outline_and_the_form(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}")
    for number in range(1, 5):
        assert f'<a href="#u{number:03d}"' in text
        assert f'<article id="u{number:03d}"' in text
    assert 'name="choice" value="approve"' in text
    assert text.count('target="source"') == report.attempts[0].citations.verified


async def test_a_citation_opens_its_source_at_the_quoted_words(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}")
        link = links(text)[0]
        quote = re.search(rf'{re.escape(link.replace("&", "&amp;"))}[^>]*>.*?<q dir="auto">(.*?)</q>', text, re.DOTALL)
        assert quote is not None
        source = await visitor.text(link)
    marked = re.search(r'<mark id="span"[^>]*>(.*?)</mark>', source, re.DOTALL)
    assert marked is not None
    assert " ".join(marked[1].split()) == " ".join(quote[1].split())
    assert "word for word" in source


async def test_an_altered_quote_shows_which_words_differ(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "alter_quotes", share=1.0, times=-1)
    report = await waiting_job(service, tmp_path)
    assert report.attempts[0].citations.altered
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}")
        source = await visitor.text(links(text, "altered")[0])
    assert "<del>" in source
    assert "<ins>" in source
    assert '<mark id="span"' in source
    assert 'class="badge error"' in text


async def test_units_with_flags_come_first_on_request(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "alter_quotes", share=0.3, times=-1)
    report = await waiting_job(service, tmp_path, chapters=12)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}?order=flags")
    articles = text.split("<article ")[1:]
    errors = [article.count('<li class="error">') for article in articles]
    assert errors[0] > 0
    assert errors == sorted(errors, reverse=True)


async def test_both_paths_stand_side_by_side_by_unit(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}/compare")
    assert text.count('class="unit pair"') == 4 + 1  # and the overviews
    for attempt in report.attempts:
        assert f"attempt={attempt.id}" in text
    assert "nothing here is a score" in text


async def test_a_job_of_one_path_has_nothing_to_compare(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        assert (await visitor.get(f"/jobs/{report.id}/compare")).status_code == 404


async def test_a_blind_reading_names_no_path_and_keeps_its_order(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}/blind")
        link = links(text)[0]
        source = await visitor.text(link)
        assert await visitor.text(f"/jobs/{report.id}/blind") == text
    for word in ("single", "chunk", "batch", "$", *(attempt.id for attempt in report.attempts)):
        assert word not in text.lower()
        assert word not in source.lower()


async def test_over_many_reviewers_either_path_comes_first():
    orders = [swapped(f"job-{number}", "Ada") for number in range(200)]  # pyright: ignore[reportArgumentType]
    assert 60 < sum(orders) < 140


async def test_an_output_that_was_preferred_blind_is_published_and_the_reason_says_so(
    service: Service, tmp_path: FilePath
):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        await visitor.prefer(report.id, "b", reason="clearer")
    job = await service.job()
    published = next(each for each in job.attempts if each.id == job.published_attempt_id)
    single, chunked = sorted(job.attempts, key=lambda a: a.path != "single_pass")
    wanted = single if swapped(job.id, "Ada") else chunked
    assert published.id == wanted.id
    assert job.reason == f"Approved by Ada. clearer (compared blind, preferred {wanted.path})"


@pytest.mark.parametrize("page", ["", "/compare", "/figures"])
async def test_who_has_seen_an_output_with_its_path_decides_and_is_not_counted_as_blind(
    service: Service, tmp_path: FilePath, page: str
):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    warning = "You have seen outputs of this job with their paths."
    async with visiting(service) as visitor:
        assert warning not in await visitor.text(f"/jobs/{report.id}/blind")
        await visitor.text(f"/jobs/{report.id}{page}")
        assert warning in await visitor.text(f"/jobs/{report.id}/blind")
        await visitor.log_in("Grace")  # who has seen nothing yet
        assert warning not in await visitor.text(f"/jobs/{report.id}/blind")
        await visitor.log_in()
        await visitor.prefer(report.id, "b", reason="clearer")
        assert "Nobody has decided after a blind reading yet." in await visitor.text("/comparison?jobs=simulated")
    job = await service.job()
    assert (job.status, job.published_attempt_id is None) == (JobStatus.DONE, False)
    assert job.reason == "Approved by Ada. clearer (compared without paths, which were known already)"


async def test_the_inbox_leads_to_a_blind_comparison_before_anything_is_read(service: Service, tmp_path: FilePath):
    both = await waiting_job(service, tmp_path, PathChoice.BOTH)
    one = await waiting_job(service, tmp_path, PathChoice.CHUNKED, chapters=2)
    async with visiting(service) as visitor:
        text = await visitor.text("/")
    assert (f"/jobs/{both.id}/blind" in text, f"/jobs/{one.id}/blind" in text) == (True, False)


async def test_blind_verdicts_are_counted_on_the_page_of_many_jobs(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        assert "Nobody has decided after a blind reading yet." in await visitor.text("/comparison?jobs=simulated")
        await visitor.prefer(report.id, "a")
        text = await visitor.text("/comparison?jobs=simulated")
    counted = "single pass 0, chunked 1" if swapped(report.id, "Ada") else "single pass 1, chunked 0"
    assert f"Preferred blind: {counted}. The output that was shown first: 1 of 1." in text


async def test_the_figures_are_those_of_the_ledger(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}/figures")
    assert f"${report.cost_usd:,.4f}" in text
    assert report.plan is not None
    assert f"${report.plan.chunked.expected_total_usd:,.4f}" in text
    assert "completeness" in text


async def test_calibration_shows_plans_beside_what_came_of_them(service: Service, tmp_path: FilePath):
    async with visiting(service) as visitor:
        assert "No attempt has finished yet" in await visitor.text("/calibration")
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 2)))
    async with visiting(service) as visitor:
        text = await visitor.text("/calibration")
    assert "Simulated jobs: 2 finished attempts" in text
    assert "Regret against the better path, 1 jobs that ran both" in text
    assert re.search(r'<th scope="row">cost</th><td class="n">2</td><td class="n">\d\.\d\d</td>', text)


async def test_trends_draw_what_the_jobs_cost(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 4)))
    async with visiting(service) as visitor:
        text = await visitor.text("/trends")
        assert "Nothing to draw yet" in await visitor.text("/trends?jobs=real")
    assert "Cost by path and output size" in text
    assert '<circle class="single_pass" cx=' in text
    assert '<rect class="chunked" x=' in text


async def test_a_cut_single_pass_counts_as_cut_and_a_refused_one_only_as_short(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=2)
    await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 6, "cut.md")))
    service.heal()
    service.simulator.faults("item", "refusal", match=BATCH_ITEM, after_units=1)
    await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 6, "refused.md")))
    async with visiting(service) as visitor:
        text = await visitor.text("/trends?jobs=simulated")
    row = re.search(r'<th scope="row">single pass</th><td class="n">(\d+)</td>(.*?)</tr>', text, re.DOTALL)
    assert row is not None
    assert (row[1], re.findall(r'<td class="n">(\d+) \(', row[2])) == ("2", ["1", "2", "2"])


async def test_the_list_goes_on_to_older_jobs(service: Service, tmp_path: FilePath):
    ran = [await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 1, f"{n}.md"))) for n in range(2)]
    async with visiting(service) as visitor:
        older = await visitor.text(f"/jobs?before={ran[1].id}")
        whole = [await visitor.text(f"/jobs?before={nonsense}") for nonsense in ("", "%00", "x")]
    assert (ran[0].id in older, ran[1].id in older) == (True, False)
    assert all(job.id in text for job in ran for text in whole)


async def test_why_a_job_stopped_leads_to_the_units_that_are_wrong(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "alter_quotes", share=0.3, times=-1)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 12)), tolerated_error_share=0.0)
    async with visiting(service) as visitor:
        pages = [await visitor.text(path) for path in ("/", f"/jobs/{report.id}")]
    for text in pages:
        assert re.search(r"<p[^>]*>Errors in \d of 13 parts\.</p>", text)
        assert re.search(rf'<a href="/jobs/{report.id}#u0\d\d">u0\d\d</a>: Differs from book\.md', text)
        assert re.search(r"<p[^>]*>Approve it as it is, reject it, or run it again \(", text)


async def test_the_list_shows_jobs_that_wait_for_nobody(service: Service, tmp_path: FilePath):
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    async with visiting(service) as visitor:
        assert report.id in await visitor.text("/jobs")
        assert "waits for no decision" in await visitor.text(f"/jobs/{report.id}")
