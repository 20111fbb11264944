"""What a generation is found by, and how: the database keeps the one up to date and does the other.

`docs/decisions/0031-search.md` tells why it is so.
"""

from __future__ import annotations

from django.db import migrations

# Words as people type them: lower case, apart at every sign. Scripts without spaces are cut into pairs of characters
# (and the last one alone), so that any part of a run is found.
_WORDS = r"""
CREATE FUNCTION generations_words(said text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    plain text := translate(left(said, 20000), '/\._-:@&=?+#%~^|<>"''`()[]{}*,;!$', repeat(' ', 60));
    runs CONSTANT text := '[\u2E80-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\uFF66-\uFF9F]';
BEGIN
    IF plain ~ '[^ ]{100}' THEN
        plain := regexp_replace(plain, '([^ ]{100})[^ ]+', '\1', 'g');
    END IF;
    IF plain !~ runs THEN
        RETURN tsvector_to_array(to_tsvector('simple', plain));
    END IF;
    plain := regexp_replace(plain, '(' || runs || '+)', ' \1 ', 'g');
    RETURN ARRAY(
        SELECT DISTINCT part
        FROM unnest(tsvector_to_array(to_tsvector('simple', plain))) AS word, LATERAL (
            SELECT word WHERE word !~ runs
            UNION ALL
            SELECT substr(word, at, 2) FROM generate_series(1, length(word)) AS at WHERE word ~ runs
        ) AS parts(part)
    );
END $$
"""

# Each term is the window, a letter for what it tells of, and the value.
_TERMS = r"""
CREATE FUNCTION generations_terms(place bigint, made generations_generation, more text[])
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    -- Cost as people compare it: which power of two of thousandths of a credit, and which eighth of that.
    paid CONSTANT bigint := made.cost / 1000 + 1;
    octave CONSTANT integer := length(ltrim(paid::bit(62)::text, '0'));
    facts text[] := ARRAY[
        'k' || made.kind, 'm' || made.model, 'r' || coalesce(made.rating, 0),
        's' || CASE WHEN made.state IN ('prepared', 'submitting', 'submitted', 'running', 'unknown')
                    THEN 'live' ELSE made.state END,
        'o' || octave,
        'f' || octave || '.' || (CASE WHEN octave > 4 THEN paid >> (octave - 4) ELSE paid << (4 - octave) END)
    ];
    words text[] := generations_words(made.prompt);
    -- Joined and cut again, which is several times as fast as a query over the parts: no text has this sign.
    cut CONSTANT text := E'\x02';
    code CONSTANT text := to_hex(place) || ':';
BEGIN
    IF made.seed IS NOT NULL THEN facts := facts || ('e' || made.seed); END IF;
    IF made.project_id IS NOT NULL THEN facts := facts || ('p' || made.project_id); END IF;
    IF made.run_id IS NOT NULL THEN facts := facts || ('u' || made.run_id); END IF;
    IF made.node <> '' THEN facts := facts || ('n' || made.node); END IF;
    IF cardinality(made.tags) > 0 THEN
        facts := facts || ('t' || array_to_string(made.tags, cut || 't'));
    END IF;
    IF cardinality(words) > 0 THEN
        facts := facts || ('w' || array_to_string(words, cut || 'w'));
    END IF;
    RETURN array_to_tsvector(string_to_array(
        code || replace(lower(array_to_string(facts || more, cut)), cut, cut || code), cut
    ));
END $$
"""

# The window of a moment. One is closed when a look now and then finds it full; the next begins a minute later, so that
# nobody who is writing at this moment can miss it. Nothing is locked for that.
_WINDOW = """
CREATE FUNCTION generations_window(space uuid, moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
BEGIN
    SELECT id INTO place FROM generations_searchwindow
    WHERE workspace_id = space AND begins_at <= moment ORDER BY begins_at DESC LIMIT 1;
    IF place IS NULL THEN
        INSERT INTO generations_searchwindow (workspace_id, begins_at) VALUES (space, '-infinity')
        ON CONFLICT DO NOTHING;
        SELECT id INTO place FROM generations_searchwindow
        WHERE workspace_id = space AND begins_at = '-infinity';
    END IF;
    IF random() < 0.02 AND moment > now() - interval '1 minute' AND 4096 <= (
        SELECT count(*) FROM (SELECT FROM generations_searchrow WHERE window_id = place LIMIT 4096) AS counted
    ) THEN
        INSERT INTO generations_searchwindow (workspace_id, begins_at)
        SELECT space, now() + interval '1 minute' WHERE NOT EXISTS (
            SELECT FROM generations_searchwindow WHERE workspace_id = space AND begins_at > now()
        ) ON CONFLICT DO NOTHING;
    END IF;
    RETURN place;
END $$
"""

_PUT = """
CREATE FUNCTION generations_search_put(wanted uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO generations_searchrow (generation_id, workspace_id, window_id, created_at, cost, terms)
    SELECT made.id, made.workspace_id, place.id, made.created_at, made.cost, generations_terms(place.id, made, ARRAY(
        SELECT 'c' || unnest(blob.colours) FROM generations_generationoutput AS output
        JOIN assets_asset AS asset ON asset.id = output.asset_id
        JOIN assets_blob AS blob ON blob.id = asset.blob_id
        WHERE output.generation_id = made.id
        UNION SELECT 'b' || board_id FROM generations_boarditem WHERE generation_id = made.id
    ))
    FROM generations_generation AS made, LATERAL (
        SELECT coalesce(
            (SELECT window_id FROM generations_searchrow WHERE generation_id = made.id),
            generations_window(made.workspace_id, made.created_at)
        ) AS id
    ) AS place
    WHERE made.id = ANY(wanted)
    ON CONFLICT (generation_id) DO UPDATE SET terms = EXCLUDED.terms, cost = EXCLUDED.cost
$$
"""

_TRIGGERS = """
CREATE FUNCTION generations_search_of_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM generations_search_put(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER generations_search_new AFTER INSERT ON generations_generation
    FOR EACH ROW EXECUTE FUNCTION generations_search_of_generation();
CREATE TRIGGER generations_search_changed AFTER UPDATE ON generations_generation FOR EACH ROW WHEN (
    (OLD.prompt, OLD.kind, OLD.model, OLD.seed, OLD.cost, OLD.rating, OLD.tags, OLD.project_id, OLD.run_id, OLD.node)
    IS DISTINCT FROM
    (NEW.prompt, NEW.kind, NEW.model, NEW.seed, NEW.cost, NEW.rating, NEW.tags, NEW.project_id, NEW.run_id, NEW.node)
    OR OLD.state <> NEW.state AND NEW.state IN ('succeeded', 'failed', 'cancelled', 'expired')
) EXECUTE FUNCTION generations_search_of_generation();

-- Colours come later than the picture: its preview is drawn by another worker.
CREATE FUNCTION generations_search_of_output() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM generations_search_put(ARRAY(SELECT DISTINCT generation_id FROM added));
    RETURN NULL;
END $$;
CREATE TRIGGER generations_search_output AFTER INSERT ON generations_generationoutput
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION generations_search_of_output();
CREATE FUNCTION generations_search_of_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM generations_search_put(ARRAY(SELECT DISTINCT generation_id FROM touched WHERE generation_id IS NOT NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER generations_search_item_new AFTER INSERT ON generations_boarditem
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION generations_search_of_item();
CREATE TRIGGER generations_search_item_gone AFTER DELETE ON generations_boarditem
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION generations_search_of_item();
CREATE FUNCTION generations_search_of_blob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM generations_search_put(ARRAY(
        SELECT output.generation_id FROM assets_asset AS asset
        JOIN generations_generationoutput AS output ON output.asset_id = asset.id
        WHERE asset.blob_id = NEW.id
    ));
    RETURN NULL;
END $$;
CREATE TRIGGER generations_search_blob AFTER UPDATE OF colours ON assets_blob
    FOR EACH ROW WHEN (OLD.colours IS DISTINCT FROM NEW.colours) EXECUTE FUNCTION generations_search_of_blob();
"""

# Newest window first, and no further than a page needs. A value that the planner cannot know makes one plan for all
# windows, and that plan is the index's.
_SEARCH = """
CREATE FUNCTION generations_search(
    space uuid, asked text, cost_low bigint, cost_high bigint, since timestamptz, until timestamptz,
    last_at timestamptz, last_id uuid, most integer
) RETURNS TABLE (found_id uuid, found_at timestamptz) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    place record;
    wanted text := lower(asked);
    missing integer := most;
    got integer;
BEGIN
    FOR place IN
        SELECT id, begins_at FROM generations_searchwindow
        WHERE workspace_id = space AND begins_at <= least(until, last_at) ORDER BY begins_at DESC
    LOOP
        RETURN QUERY
            SELECT entry.generation_id, entry.created_at FROM generations_searchrow AS entry
            WHERE entry.terms @@ replace(wanted, E'\\x01', to_hex(place.id) || ':')::tsquery
                AND entry.cost BETWEEN cost_low AND cost_high
                AND entry.created_at >= since AND entry.created_at < until
                AND (entry.created_at, entry.generation_id) < (last_at, last_id)
            ORDER BY entry.created_at DESC, entry.generation_id DESC LIMIT missing;
        GET DIAGNOSTICS got = ROW_COUNT;
        missing := missing - got;
        EXIT WHEN missing <= 0 OR place.begins_at <= since;
    END LOOP;
END $$
"""

# Cuts a workspace's tape into windows anew: for what was there before, and after a large import of old generations.
_REBUILD = """
CREATE FUNCTION generations_search_rebuild(space uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    written bigint;
    places bigint[];
    beginnings timestamptz[];
BEGIN
    DELETE FROM generations_searchrow WHERE workspace_id = space;
    DELETE FROM generations_searchwindow WHERE workspace_id = space;
    INSERT INTO generations_searchwindow (workspace_id, begins_at)
    SELECT space, CASE number WHEN 0 THEN '-infinity' ELSE created_at END FROM (
        SELECT created_at, row_number() OVER (ORDER BY created_at, id) - 1 AS number
        FROM generations_generation WHERE workspace_id = space
    ) AS numbered WHERE number % 4096 = 0 ORDER BY number ON CONFLICT DO NOTHING;
    SELECT array_agg(id ORDER BY begins_at), array_agg(begins_at ORDER BY begins_at) INTO places, beginnings
    FROM generations_searchwindow WHERE workspace_id = space;
    WITH more AS (
        SELECT id, array_agg(fact) AS facts FROM (
            SELECT output.generation_id AS id, 'c' || unnest(blob.colours) AS fact
            FROM generations_generationoutput AS output
            JOIN assets_asset AS asset ON asset.id = output.asset_id
            JOIN assets_blob AS blob ON blob.id = asset.blob_id
            WHERE output.workspace_id = space
            UNION ALL SELECT generation_id, 'b' || board_id FROM generations_boarditem
            WHERE workspace_id = space AND generation_id IS NOT NULL
        ) AS found GROUP BY 1
    )
    INSERT INTO generations_searchrow (generation_id, workspace_id, window_id, created_at, cost, terms)
    SELECT made.id, space, place.id, made.created_at, made.cost,
        generations_terms(place.id, made, coalesce(more.facts, '{}'))
    FROM generations_generation AS made
    LEFT JOIN more ON more.id = made.id
    CROSS JOIN LATERAL (SELECT places[width_bucket(made.created_at, beginnings)] AS id) AS place
    WHERE made.workspace_id = space ORDER BY made.created_at;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$
"""

_DROP = """
DROP TRIGGER generations_search_blob ON assets_blob;
DROP TRIGGER generations_search_item_new ON generations_boarditem;
DROP TRIGGER generations_search_item_gone ON generations_boarditem;
DROP TRIGGER generations_search_output ON generations_generationoutput;
DROP TRIGGER generations_search_changed ON generations_generation;
DROP TRIGGER generations_search_new ON generations_generation;
DROP FUNCTION generations_search_of_blob, generations_search_of_item, generations_search_of_output,
    generations_search_of_generation,
    generations_search_rebuild, generations_search, generations_search_put, generations_window, generations_terms,
    generations_words;
"""


class Migration(migrations.Migration):
    dependencies = [("generations", "0011_tenant_keys_of_boards")]

    operations = [
        migrations.RunSQL(
            [_WORDS, _TERMS, _WINDOW, _PUT, *_TRIGGERS.split("\n\n"), _SEARCH, _REBUILD],
            _DROP,
        ),
        migrations.RunSQL(
            "SELECT generations_search_rebuild(id) FROM workspaces_workspace", migrations.RunSQL.noop
        ),
    ]
