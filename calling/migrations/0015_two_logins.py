"""Row-level security for a login of its own: it sees one project's rows, and says which with a proof.

The policies of before held for the role `callwright_tenant` alone and believed whatever project was set. Now
they hold for every member of it, and who cannot become the owner of the tables must bring the proof that
`subscribers.row_security` makes. Sessions of the owner that took the role, as the version before does, are
believed as they were: they could leave the role as well.
"""

from django.db import migrations

from subscribers.database_roles import MAKE_ROLE

ROLE = "callwright_tenant"

OWNED = (
    "subscribers_address", "subscribers_phonenumber", "subscribers_room", "subscribers_script",
    "subscribers_sipendpoint", "subscribers_sipgateway", "subscribers_subscriber", "tokens_apitoken",
    "tokens_issuedtoken", "tokens_embedtoken", "calling_call", "calling_device", "calling_event",
    "calling_account", "calling_phonerate", "calling_phonecharge", "calling_ledgerentry", "calling_meeting",
    "calling_scriptrun", "calling_recording", "calling_mediasession", "calling_webhookendpoint",
    "calling_alert", "calling_pushsubscription", "calling_pushring",
)  # fmt: skip
# Rows that belong to a project by what they point at.
PARTS = (
    ("calling_leg", "call_id", "calling_call", "id"),
    ("calling_attempt", "leg_id", "calling_leg", "id"),
    ("calling_operation", "call_id", "calling_call", "id"),
    ("calling_sipdialog", "call_id", "calling_call", "id"),
    ("calling_member", "meeting_id", "calling_meeting", "id"),
    ("calling_trunk", "room_id", "subscribers_room", "id"),
    ("calling_delivery", "endpoint_id", "calling_webhookendpoint", "id"),
    ("calling_deliveryattempt", "delivery_id", "calling_delivery", "id"),
    ("calling_icecandidate", "peer_id", "calling_leg", "peer_id"),
)

# 16 bytes of each uuid: 122 random bits.
BLOCK = " || ".join(["decode(replace(gen_random_uuid()::text, '-', ''), 'hex')"] * 4)

FUNCTIONS = f"""
CREATE TABLE IF NOT EXISTS callwright_fence (inside bytea NOT NULL, outside bytea NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS callwright_fence_one ON callwright_fence ((true));
INSERT INTO callwright_fence VALUES ({BLOCK}, {BLOCK}) ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION callwright_project() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text := coalesce(current_setting('callwright.project', true), '');
    project text := left(said, 36);
BEGIN
    IF said = '' THEN
        RETURN NULL;
    END IF;
    -- `current_user` is the owner of this function here. Who may become it needs no proof.
    IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        PERFORM FROM public.callwright_fence k
        WHERE said = project || '.' || encode(
            sha256(k.outside || sha256(k.inside || convert_to(project, 'UTF8'))), 'hex');
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN project::uuid;
END $$;

CREATE OR REPLACE FUNCTION callwright_fenced() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(pg_catalog.pg_has_role(pg_catalog.to_regrole('{ROLE}'), 'USAGE'), false)
$$;

CREATE OR REPLACE FUNCTION callwright_legs_held(mine uuid, OUT own bigint, OUT others bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FILTER (WHERE c.project_id = mine), count(*) FILTER (WHERE c.project_id <> mine)
    FROM public.calling_leg l JOIN public.calling_call c ON c.id = l.call_id
    WHERE c.state <> 'ended' AND l.state <> 'ended' AND l.party <> 'app'
$$;

CREATE OR REPLACE FUNCTION callwright_note_supervision(
    project uuid, name text, action text, subject text, detail jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A request writes of its own project, and of supervision alone.
    IF action NOT IN ('call.supervising', 'call.supervising_ended') OR (
        NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND project IS DISTINCT FROM public.callwright_project()
    ) THEN
        RAISE insufficient_privilege;
    END IF;
    INSERT INTO public.calling_staffaction (project_id, name, action, subject, detail, source, at)
    VALUES (project, name, action, subject, detail, '', now());
END $$;

CREATE OR REPLACE FUNCTION callwright_others_call(mine uuid, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.calling_call
        WHERE (state <> 'ended' OR ended_at > since) AND project_id <> mine
    )
$$;
"""
NO_FUNCTIONS = """
DROP FUNCTION callwright_others_call(uuid, timestamptz);
DROP FUNCTION callwright_legs_held(uuid);
DROP FUNCTION callwright_note_supervision(uuid, text, text, text, jsonb);
DROP FUNCTION callwright_fenced();
DROP FUNCTION callwright_project();
DROP TABLE callwright_fence;
"""

FREE = "NOT (SELECT callwright_fenced())"
PROJECT = "(SELECT callwright_project())"
BEFORE_FREE = f"current_user <> '{ROLE}'"
BEFORE_PROJECT = "(SELECT nullif(current_setting('callwright.project', true), '')::uuid)"


def policies(free: str, project: str) -> list[str]:
    tests = dict.fromkeys(OWNED, f"project_id = {project}")
    tests["subscribers_project"] = f"id = {project}"
    for table, column, whole, key in PARTS:
        tests[table] = f"EXISTS (SELECT 1 FROM {whole} w WHERE w.{key} = {table}.{column})"
    return [
        f"ALTER POLICY of_the_project ON {table} USING ({free} OR {test})" for table, test in tests.items()
    ]


FENCE_CANDIDATES = """
ALTER TABLE calling_icecandidate ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_project ON calling_icecandidate;
CREATE POLICY of_the_project ON calling_icecandidate USING (true);
"""
NO_FENCE_CANDIDATES = """
DROP POLICY of_the_project ON calling_icecandidate;
ALTER TABLE calling_icecandidate DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0018_supervision"),
        ("subscribers", "0006_assignment"),
        ("tokens", "0002_api_token_scopes"),
    ]
    # Each policy in a transaction of its own: it locks its table for the blink of a catalogue entry, and it
    # holds no second table while it waits for one. What was interrupted is done again from the start.
    atomic = False
    operations = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RunSQL(FENCE_CANDIDATES, NO_FENCE_CANDIDATES),
        migrations.RunSQL(policies(FREE, PROJECT), policies(BEFORE_FREE, BEFORE_PROJECT)),
        migrations.RunSQL(MAKE_ROLE, migrations.RunSQL.noop),
    ]
