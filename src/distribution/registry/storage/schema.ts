/**
 * What the registry knows of its content, and the history of that. A migration is added at the end and never changed:
 * registries out there have run it. Text is compared byte by byte, which is the order that clients expect of lists.
 * Times are milliseconds since 1970.
 */

/** Migration n takes a database from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE repositories (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- What its blobs and manifests add up to, each counted once; what another repository shares counts in both.
    bytes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE blobs (
    repository INTEGER NOT NULL REFERENCES repositories (number),
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    -- When it was last pushed or mounted: what no manifest mentions may be about to be mentioned.
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blobs_digest ON blobs (digest);

  CREATE TABLE manifests (
    repository INTEGER NOT NULL REFERENCES repositories (number),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    -- The manifest that this one is about, and how the referrers list describes this one.
    subject TEXT,
    artifact_type TEXT,
    descriptor TEXT,
    pushed_at INTEGER NOT NULL,
    pulled_at INTEGER,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifests_digest ON manifests (digest);
  CREATE INDEX manifests_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
  CREATE INDEX manifests_artifact ON manifests (repository, subject, artifact_type, digest) WHERE subject IS NOT NULL;

  -- What a manifest is made of: config and layers, or the manifests of an index.
  CREATE TABLE children (
    repository INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    child TEXT NOT NULL,
    PRIMARY KEY (repository, manifest, child),
    FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX children_child ON children (repository, child);

  CREATE TABLE tags (
    repository INTEGER NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    pushed_at INTEGER NOT NULL,
    PRIMARY KEY (repository, tag),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_digest ON tags (repository, digest);

  -- Uploads under way; their bytes lie in the content store's ingest of the same id.
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    owner TEXT NOT NULL,
    began_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Upkeep asks what was pushed lately.
  `
  CREATE INDEX tags_pushed ON tags (repository, pushed_at);
  CREATE INDEX manifests_pushed ON manifests (repository, pushed_at);
  `,
  // Changes that are to be told to others, and how far each of them has heard.
  `
  CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    repository TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE event_listeners (
    listener TEXT PRIMARY KEY,
    heard INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // A manifest takes its tags along, by a foreign key: for want of figures the planner then looked at all tags of the repository, for each
  // manifest. These say that a repository has many tags and a manifest few. They are not counted, so that plans never change.
  `
  ANALYZE sqlite_schema;
  INSERT INTO sqlite_stat1 VALUES
    ('tags', 'tags', '1000000 10000 1'),
    ('tags', 'tags_digest', '1000000 10000 2 1'),
    ('tags', 'tags_pushed', '1000000 10000 2 1');
  ANALYZE sqlite_schema;
  `,
  // A page of 5,000 referrers looked for 5,000 rows, each somewhere else: 15 ms where the index alone takes 4.
  `
  DROP INDEX manifests_subject;
  CREATE INDEX manifests_subject ON manifests (repository, subject, digest, descriptor) WHERE subject IS NOT NULL;
  `,
];
