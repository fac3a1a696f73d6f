/**
 * The records and their history. A migration is added at the end and never changed: stores out there have run it.
 *
 * Names live in a namespace (Docker's view and Kubernetes' share content, not names); content, snapshots and leases are
 * shared. A sandbox is what the containers of a pod have in common; a container outside a pod has none.
 * Times are milliseconds since 1970. An owner is a process: see owner.ts.
 */

/** Migration n takes a store from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE namespaces (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO namespaces VALUES ('default', 0);

  CREATE TABLE images (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    reference TEXT NOT NULL,
    -- What the reference points at: a manifest, or an index.
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, reference)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE snapshots (
    -- The short number that names the directory: mount options are bounded.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('committed', 'active')),
    -- Committed: the chainID. Active: the container's ID.
    key TEXT NOT NULL UNIQUE,
    parent INTEGER REFERENCES snapshots (number),
    size INTEGER NOT NULL DEFAULT 0,
    -- Whether nothing of its parents shows through it (an opaque root).
    hides_lower INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX snapshots_parent ON snapshots (parent);

  CREATE TABLE sandboxes (
    id TEXT PRIMARY KEY,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    record TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (namespace, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    sandbox TEXT REFERENCES sandboxes (id),
    image TEXT NOT NULL,
    image_type TEXT NOT NULL,
    image_digest TEXT NOT NULL,
    image_size INTEGER NOT NULL,
    snapshot INTEGER REFERENCES snapshots (number),
    status TEXT NOT NULL CHECK (status IN ('creating', 'running', 'exited')),
    exit_status INTEGER,
    -- Of the JSON in 'record': how it was asked for, and which runtime runs it.
    version INTEGER NOT NULL,
    record TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    owner_pid INTEGER NOT NULL,
    owner_start INTEGER NOT NULL,
    owner_boot TEXT NOT NULL,
    UNIQUE (namespace, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    -- A directory below the snapshots that nobody else refers to yet.
    directory TEXT,
    created_at INTEGER NOT NULL,
    owner_pid INTEGER NOT NULL,
    owner_start INTEGER NOT NULL,
    owner_boot TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    -- IPv4, as in 172.17.0.0/16.
    subnet TEXT NOT NULL,
    internal INTEGER NOT NULL,
    -- Given to a container last; the search for a free one goes on from there.
    last_address INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    UNIQUE (namespace, name)
  ) STRICT, WITHOUT ROWID;

  -- Who is connected, while it runs.
  CREATE TABLE endpoints (
    container TEXT NOT NULL REFERENCES containers (id),
    network TEXT NOT NULL REFERENCES networks (id),
    address INTEGER NOT NULL,
    PRIMARY KEY (container, network),
    UNIQUE (network, address)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE ports (
    container TEXT NOT NULL REFERENCES containers (id),
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    host_address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    container_port INTEGER NOT NULL,
    PRIMARY KEY (protocol, host_address, host_port)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE restarts (
    container TEXT PRIMARY KEY REFERENCES containers (id),
    due_at INTEGER,
    started_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    delay_ms INTEGER NOT NULL,
    was_stopped INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX restarts_due ON restarts (due_at);
  `,
  `
  -- The boot in which the store was opened last, in one row; none: it never was since this table is there.
  CREATE TABLE boots (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  -- Its program began then, the last time; null: never.
  ALTER TABLE containers ADD COLUMN started_at INTEGER;
  UPDATE containers SET started_at =
    coalesce((SELECT nullif(restarts.started_at, 0) FROM restarts WHERE container = id), created_at)
    WHERE status <> 'creating';
  `,
  `
  CREATE TABLE volumes (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    -- Of its driver; JSON, as the labels.
    options TEXT NOT NULL,
    labels TEXT NOT NULL,
    anonymous INTEGER NOT NULL,
    -- Its removal has begun: whoever comes next ends it.
    removing INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volumes_removing ON volumes (removing);

  CREATE TABLE volume_uses (
    container TEXT NOT NULL REFERENCES containers (id),
    namespace TEXT NOT NULL,
    volume TEXT NOT NULL,
    PRIMARY KEY (container, volume),
    FOREIGN KEY (namespace, volume) REFERENCES volumes (namespace, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volume_uses_volume ON volume_uses (namespace, volume);
  `,
  `
  -- A container may be in several networks: what its device in each is called inside.
  ALTER TABLE endpoints ADD COLUMN device TEXT NOT NULL DEFAULT 'eth0';
  -- Where the network's name server listens, at the gateway's address; null: nowhere yet.
  ALTER TABLE networks ADD COLUMN name_port INTEGER;
  UPDATE containers SET record = json_remove(
      json_set(record, '$.networks', json_array(json_object('name', json_extract(record, '$.network')))), '$.network')
    WHERE json_extract(record, '$.network') IS NOT NULL;
  `,
  `
  -- A container was made of it then, the last time; null: never.
  ALTER TABLE images ADD COLUMN used_at INTEGER;
  `,
  `
  -- It is stopped where it is; the next start begins unpaused.
  ALTER TABLE containers ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
  `,
  `
  CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    time INTEGER NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- JSON, of texts.
    attributes TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Of containers that are checked, in their present or last run.
  CREATE TABLE health (
    container TEXT PRIMARY KEY REFERENCES containers (id),
    status TEXT NOT NULL CHECK (status IN ('starting', 'healthy', 'unhealthy')),
    failing_streak INTEGER NOT NULL,
    -- The last results; JSON.
    log TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- How its devices are made, and the options for that: JSON, of texts.
  ALTER TABLE networks ADD COLUMN driver TEXT NOT NULL DEFAULT 'bridge';
  ALTER TABLE networks ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
  `,
  `
  -- Who is in networks of the Container Network Interface: what its plugins were called with, and the last one's result, both JSON. Without
  -- a reference to containers: what plugins have to give back may outlive one.
  CREATE TABLE cni_attachments (
    container TEXT NOT NULL,
    network TEXT NOT NULL,
    device TEXT NOT NULL,
    request TEXT NOT NULL,
    result TEXT,
    PRIMARY KEY (container, network)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- IPv6 beside IPv4, as text; null: none. Labels are JSON.
  ALTER TABLE networks ADD COLUMN subnet6 TEXT;
  ALTER TABLE networks ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE endpoints ADD COLUMN address6 TEXT;
  CREATE UNIQUE INDEX endpoints_address6 ON endpoints (network, address6);
  `,
  `
  -- Which of its addresses are for whom: JSON.
  ALTER TABLE networks ADD COLUMN plan TEXT NOT NULL DEFAULT '{}';
  `,
  `
  -- Of the owner's pidfd; null: it is known by when it began.
  ALTER TABLE containers ADD COLUMN owner_inode INTEGER;
  `,
  `
  -- Ports of SCTP, too.
  ALTER TABLE ports RENAME TO ports_before;
  CREATE TABLE ports (
    container TEXT NOT NULL REFERENCES containers (id),
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp', 'sctp')),
    host_address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    container_port INTEGER NOT NULL,
    PRIMARY KEY (protocol, host_address, host_port)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO ports SELECT * FROM ports_before;
  DROP TABLE ports_before;
  `,
  `
  -- The pre-defined network as it is where nobody has asked for another.
  ALTER TABLE networks ADD COLUMN by_itself INTEGER NOT NULL DEFAULT 0;
  UPDATE networks SET by_itself = 1
    WHERE name = 'bridge' AND driver = 'bridge' AND options = '{}' AND labels = '{}' AND plan = '{}' AND subnet6 IS NULL AND internal = 0;
  `,
  `
  -- Which of a container's devices it is, whatever it is called; the world is reached by the one with the highest priority.
  ALTER TABLE endpoints ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE endpoints ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
  UPDATE endpoints SET position = CAST(substr(device, 4) AS INTEGER);
  `,
];
