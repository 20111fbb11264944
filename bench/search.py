"""Search over 1,000,000 generations of one workspace, through the API and the tape's page: `search`."""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from bench.report import Figure, percentile
from bench.runs import session_cookie
from bench.site import Site

ROWS = 1_000_000
DAYS = 400
TABLES = ("generations_generation", "generations_generationoutput", "generations_searchrow", "generations_boarditem")
GOAL_MS = 150
TIMES = 6
MODELS, PROJECTS, TAGS, PHRASES, PICTURES = 40, 20, 200, 20_000, 4_000
SUBJECTS = (
    "portrait", "landscape", "city", "street", "forest", "mountain", "ocean", "dog", "cat", "robot", "lighthouse",
    "castle", "bicycle", "astronaut", "garden", "kitchen", "car", "dragon", "woman", "man", "child", "house", "river",
    "bridge", "tower", "ship", "island", "desert", "flower", "tree", "bird", "horse", "market",
)  # fmt: skip
STYLES = (
    "cinematic", "photo", "photograph", "watercolor", "oil", "painting", "isometric", "render", "minimal", "vintage",
    "neon", "pastel", "dramatic", "soft", "light", "golden", "hour", "studio", "macro", "wide", "angle", "film",
    "grain", "8k", "detailed", "sharp", "moody", "foggy", "dusk", "dawn", "night", "rain", "snow", "close", "up",
    "aerial", "symmetrical", "editorial", "product", "anime", "sketch", "ink", "charcoal", "poster", "logo", "icon",
    "blue", "red", "green", "a", "of", "the", "in",
)  # fmt: skip

# What a person may ask, as the API's query. `{…}` is filled in with what the data have.
QUERIES: dict[str, dict[str, str]] = {
    "a common word": {"q": "cinematic "},
    "a common beginning": {"q": "c"},
    "a rare word": {"q": "{rare} "},
    "a word that is nowhere": {"q": "zzzyqx"},
    "two common words": {"q": "castle dusk"},
    "four words": {"q": "soft golden hour portrait"},
    "a common and a rare word": {"q": "photo {rare}"},
    "a model": {"model": "bench/model-03"},
    "a model that was retired": {"model": "bench/model-39"},
    "a retired model, a common word": {"model": "bench/model-39", "q": "cinematic"},
    "two that never met": {"model": "bench/model-39", "tags": "late"},
    "a seed": {"seed": "{seed}"},
    "a seed that many use": {"seed": "42"},
    "a seed that many use, a rare word": {"seed": "42", "q": "{rare}"},
    "five stars": {"rating": "5"},
    "three stars or more, a common word": {"rating": "3", "q": "photo"},
    "not rated, failed": {"rating": "0", "state": "failed"},
    "five stars, expired (none)": {"rating": "5", "state": "expired", "q": "logo"},
    "a common tag": {"tags": "tag-000"},
    "a rare tag": {"tags": "tag-199"},
    "two tags": {"tags": "tag-001, tag-150"},
    "an old tag": {"tags": "early"},
    "a colour": {"colour": "#3b82f6"},
    "a colour and a word": {"colour": "#d97706", "q": "sunset"},
    "a colour, five stars, a model": {"colour": "#16a34a", "rating": "5", "model": "bench/model-02"},
    "a cost range": {"cost_min": "1", "cost_max": "5"},
    "a narrow cost range": {"cost_min": "3.999", "cost_max": "4.001"},
    "a cost that never was": {"cost_min": "7777"},
    "a cost range, a kind, a word": {"cost_max": "2.5", "kind": "video", "q": "ocean"},
    "a kind": {"kind": "audio"},
    "a kind and a state": {"kind": "video", "state": "failed"},
    "unfinished": {"state": "live"},
    "running": {"state": "running"},
    "a project": {"project": "{project}"},
    "a project, a model, a word": {"project": "{project}", "model": "bench/model-01", "q": "robot"},
    "a month": {"since": "{month}", "until": "{month_end}"},
    "a word in an old month": {"q": "castle", "since": "{month}", "until": "{month_end}"},
    "a rare word in an old month": {"q": "{rare}", "since": "{month}", "until": "{month_end}"},
    "everything at once": {
        "q": "photo", "model": "bench/model-01", "kind": "image", "state": "succeeded", "rating": "1",
        "tags": "tag-000", "colour": "#3b82f6", "cost_min": "0.5", "cost_max": "50", "since": "{month}",
    },
    "no filter": {},
}  # fmt: skip


def bench_search(site: Site) -> list[Figure]:
    """Fill, ask every question several times, first page and the one after it, and take everything away again."""
    with _filled() as facts:
        asked = {what: _filled_in(query, facts) for what, query in QUERIES.items()}
        api = {what: _api(site, query) for what, query in asked.items()}
        page = {what: _page(site, query) for what, query in asked.items()}
    for what, took in sorted(api.items(), key=lambda item: -percentile(item[1], 95)):
        print(f"  {percentile(took, 95):7.1f} ms  {what}", file=sys.stderr, flush=True)
    how = f"{len(asked)} kinds of filter, {TIMES} times first and second page of 24; {facts['how']}"
    return [*_figures("API", api, how), *_figures("page", page, how)]


def _figures(surface: str, took: dict[str, list[float]], how: str) -> list[Figure]:
    every = [one for times in took.values() for one in times]
    worst = max(took, key=lambda what: percentile(took[what], 95))
    title = f"search over {ROWS:,} generations, {surface}"
    return [
        Figure("search", f"{title}, p50", percentile(every, 50), None, "ms", how),
        Figure("search", f"{title}, p95", percentile(every, 95), GOAL_MS, "ms", how),
        Figure(
            "search", f"{title}, p95 of the slowest filter", percentile(took[worst], 95), GOAL_MS, "ms", f"“{worst}”"
        ),
    ]


def _api(site: Site, query: dict[str, str]) -> list[float]:
    headers = {"Millrace-Workspace": "demo"}
    took = []
    for _ in range(TIMES):
        cursor: dict[str, str] = {}
        for _page in range(2):
            begun = time.perf_counter()
            answer = site.client.get("/api/v1/generations", params={**query, **cursor, "limit": "24"}, headers=headers)
            took.append((time.perf_counter() - begun) * 1000)
            answer.raise_for_status()
            if not answer.json()["next"]:
                break
            cursor = {"cursor": answer.json()["next"]}
    return took


def _page(site: Site, query: dict[str, str]) -> list[float]:
    headers = {"Cookie": session_cookie(), "Authorization": ""}
    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        site.client.get("/w/demo/tape/items/", params=query, headers=headers).raise_for_status()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def _filled_in(query: dict[str, str], facts: dict[str, str]) -> dict[str, str]:
    return {name: value.format(**facts) for name, value in query.items()}


@contextlib.contextmanager
def _filled() -> Iterator[dict[str, str]]:
    """The demo workspace with a million generations more; gone in the end, with everything that came with them."""
    from django.db import connection

    from apps.common.tenancy import scope
    from apps.workspaces.models import Workspace

    space = Workspace.objects.get(slug="demo").id
    begun = time.perf_counter()
    with scope(space), connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        _clear(cursor, space)
        try:
            _phrases(cursor)
            with unwatched(cursor):
                cursor.execute(_PICTURES_SQL, {"space": space, "pictures": PICTURES})
                cursor.execute("CREATE TEMP TABLE bench_picture (n int PRIMARY KEY, id uuid)")
                cursor.execute(_PICTURE_IDS_SQL)
                cursor.execute("ANALYZE bench_picture, bench_phrase")
                cursor.execute(_ROWS_SQL, _row_values(space))
                cursor.execute(_OUTPUTS_SQL, {"space": space, "pictures": PICTURES})
                cursor.execute(
                    "ANALYZE generations_generation, generations_generationoutput, assets_asset, assets_blob"
                )
                rows = time.perf_counter() - begun
                cursor.execute("SELECT generations_search_rebuild(%s)", [space])
            cursor.execute("VACUUM ANALYZE generations_generation, generations_searchrow, generations_generationoutput")
            index = time.perf_counter() - begun - rows
            print(f"  filled in {rows:.0f} s, terms and indexes in {index:.0f} s", file=sys.stderr, flush=True)
            yield {**_facts(cursor, space), "how": f"filled in {rows:.0f} s, terms and indexes in {index:.0f} s"}
        finally:
            _clear(cursor, space)
            cursor.execute("DROP TABLE IF EXISTS bench_phrase, bench_picture")


@contextlib.contextmanager
def unwatched(cursor: Any) -> Iterator[None]:
    """The tables without keys to others, large indexes that are no keys, and triggers: those are made at the end."""
    cursor.execute(
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND (conrelid::regclass::text = ANY(%s) OR confrelid = 'generations_generation'::regclass)
        """,
        [list(TABLES)],
    )
    keys = cursor.fetchall()
    cursor.execute(
        """
        SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)
        AND indexdef NOT LIKE '%% WHERE %%'
        AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))
        """,
        [list(TABLES)],
    )
    indexes = cursor.fetchall()
    off = [f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for table, name, _definition in keys]
    off += [f'DROP INDEX "{name}"' for name, _definition in indexes]
    off += [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TABLES]
    on = [definition for _name, definition in indexes]
    on += [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in TABLES]
    on += [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}' for table, name, definition in keys]
    for statement in off:
        _altered(cursor, statement)
    try:
        yield
    finally:
        for statement in on:
            _altered(cursor, statement)


def _altered(cursor: Any, statement: str) -> None:
    """The stack lives meanwhile: who meets one of its queries the wrong way round tries again."""
    from django.db.utils import OperationalError

    for left in reversed(range(20)):
        try:
            cursor.execute(statement)
            return
        except OperationalError:
            if not left:
                raise
            time.sleep(0.2)


def _clear(cursor: Any, space: UUID) -> None:
    mine = "SELECT id FROM generations_generation WHERE workspace_id = %(space)s AND provider = 'bench'"
    with unwatched(cursor):
        for table, column in (
            ("generationoutput", "generation_id"),
            ("searchrow", "generation_id"),
            ("generation", "id"),
        ):
            cursor.execute(f"DELETE FROM generations_{table} WHERE {column} IN ({mine})", {"space": space})
        cursor.execute("DELETE FROM assets_asset WHERE filename LIKE 'bench-search-%%'", {})
        cursor.execute("DELETE FROM assets_blob WHERE key LIKE 'bench-search-%%'", {})
    cursor.execute("SELECT generations_search_rebuild(%s)", [space])
    cursor.execute("VACUUM generations_generation, generations_searchrow, generations_generationoutput")


def _phrases(cursor: Any) -> None:
    """Pieces of prompts: a few hundred words in most of them, thousands of names in the rest, as people write."""
    chance = random.Random(7)
    syllables = ["ka", "lo", "mi", "ren", "ta", "vo", "sha", "qui", "bel", "dor", "fen", "gra", "hul", "jin"]
    names = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(8000)]
    common = [*SUBJECTS, *STYLES]
    weights = [1 / (place + 3) for place in range(len(common))]
    cursor.execute("CREATE TEMP TABLE IF NOT EXISTS bench_phrase (id int PRIMARY KEY, said text)")
    with cursor.copy("COPY bench_phrase FROM STDIN") as copy:
        for number in range(PHRASES):
            words = chance.choices(common, weights, k=4) + ([chance.choice(names)] if number % 3 == 0 else [])
            copy.write_row((number, " ".join([*words, *(["sunset"] if number % 50 == 0 else [])])))


def _row_values(space: UUID) -> dict[str, Any]:
    return {
        "space": space,
        "rows": ROWS,
        "days": DAYS,
        "models": MODELS,
        "tags": TAGS,
        "phrases": PHRASES,
        "projects": [uuid4() for _ in range(PROJECTS)],
        "kinds": ["image"] * 7 + ["video", "video", "audio"],
    }


_PICTURES_SQL = """
WITH made AS (
    INSERT INTO assets_blob (id, workspace_id, created_at, sha256, size, content_type, kind, key, meta, previews,
                             preview_state, colours)
    SELECT gen_random_uuid(), %(space)s, now(), md5(n::text) || md5((n + 1)::text), 1000, 'image/png', 'image',
           'bench-search-' || n, '{"width": 512, "height": 384, "color": "#888888"}', '{}', 'none',
           ARRAY[n %% 41, (n * 7) %% 41, (n / 41) %% 5]::smallint[]
    FROM generate_series(1, %(pictures)s) AS n RETURNING id, key
)
INSERT INTO assets_asset (id, workspace_id, created_at, blob_id, filename, title, source, kind, content_type, size,
                          state, refusal, upload_key, claimed_sha256)
SELECT gen_random_uuid(), %(space)s, now(), id, key || '.png', '', 'generation', 'image', 'image/png', 1000, 'ready',
       '{}', '', '' FROM made
"""

_PICTURE_IDS_SQL = """
INSERT INTO bench_picture SELECT row_number() OVER (ORDER BY filename) - 1, id FROM assets_asset
WHERE filename LIKE 'bench-search-%'
"""

# Models come and go.
_ROWS_SQL = """
INSERT INTO generations_generation (
    id, workspace_id, created_at, project_id, node, item, attempt, idempotency_key, kind, provider, model, prompt,
    params, inputs, seed, request_digest, state, tries, fence, provider_urls, hold_id, price_low, price_high, cost,
    progress_message, error_code, error, error_detail, permanent, settled_at, latency_ms, poll_after, polls,
    deadline_at, outputs, rating, tags
)
SELECT uuidv7(made.at - now()), %(space)s, made.at, (%(projects)s::uuid[])[1 + floor(power(made.c, 2) * 20)::int],
    '', 0, 1, '', (%(kinds)s::text[])[1 + model.n %% 10], 'bench', 'bench/model-' || lpad(model.n::text, 2, '0'),
    a.said || ', ' || b.said || ', ' || c.said,
    jsonb_build_object('prompt', a.said || ', ' || b.said || ', ' || c.said, 'seed', made.seed, 'width', 1024,
                       'height', 768, 'steps', 30, 'guidance', 7.5),
    '{}', made.seed, '\\x00', made.state, 1, 0, '{}', gen_random_uuid(), 0, cost.paid,
    CASE made.state WHEN 'succeeded' THEN cost.paid ELSE 0 END, '', '', '', '', false, made.at, 4000, made.at, 3,
    made.at, '[]', CASE WHEN made.e < 0.2 THEN 1 + floor(made.e * 25)::int END,
    CASE WHEN made.f < 0.15 THEN array_remove(ARRAY[
        'tag-' || lpad(floor(power(made.a, 3) * %(tags)s)::text, 3, '0'), CASE WHEN made.f < 0.05 THEN 'tag-001' END,
        CASE WHEN made.part < 0.3 THEN 'early' WHEN made.part > 0.6 THEN 'late' END
    ], NULL) ELSE '{}' END
FROM (
    SELECT n, n::float / %(rows)s AS part, now() - make_interval(secs => (1 - n::float / %(rows)s) * %(days)s * 86400)
        AS at, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e, random() AS f,
        CASE WHEN random() < 0.1 THEN 42 ELSE floor(random() * 2147483647)::bigint END AS seed,
        CASE WHEN n > %(rows)s - 40 THEN 'running' WHEN random() < 0.92 THEN 'succeeded' WHEN random() < 0.6
            THEN 'failed' WHEN random() < 0.7 THEN 'cancelled' ELSE 'expired' END AS state
    FROM generate_series(1, %(rows)s) AS n
) AS made
CROSS JOIN LATERAL (
    SELECT CASE WHEN made.part < 0.35 AND made.d < 0.3 THEN %(models)s - 1 - floor(made.d * 10)::int
           ELSE floor(power(made.d, 2) * (%(models)s - 4))::int END AS n
) AS model
CROSS JOIN LATERAL (SELECT (4000000 * (1 + model.n %% 7) / (1 + model.n %% 3))::bigint AS paid) AS cost
JOIN bench_phrase AS a ON a.id = floor(made.a * %(phrases)s)::int
JOIN bench_phrase AS b ON b.id = floor(made.b * %(phrases)s)::int
JOIN bench_phrase AS c ON c.id = floor(made.c * %(phrases)s)::int
ORDER BY made.n
"""

_OUTPUTS_SQL = """
INSERT INTO generations_generationoutput (id, workspace_id, created_at, generation_id, asset_id, position)
SELECT uuidv7(), made.workspace_id, made.created_at, made.id, picture.id, 0
FROM generations_generation AS made JOIN bench_picture AS picture ON picture.n = made.seed %% %(pictures)s
WHERE made.workspace_id = %(space)s AND made.provider = 'bench' AND made.state = 'succeeded'
"""


def _facts(cursor: Any, space: UUID) -> dict[str, str]:
    """What the questions with a blank are filled in with."""
    cursor.execute(
        """
        SELECT seed::text, project_id::text, (created_at + interval '1 day')::date::text,
               (created_at + interval '31 days')::date::text, split_part(said, ' ', 5)
        FROM generations_generation, (SELECT said FROM bench_phrase WHERE id = 3) AS phrase
        WHERE workspace_id = %s AND provider = 'bench' AND seed <> 42 ORDER BY created_at OFFSET 200000 LIMIT 1
        """,
        [space],
    )
    seed, project, month, month_end, rare = cursor.fetchone()
    return {"seed": seed, "project": project, "month": month, "month_end": month_end, "rare": rare}
