/**
 * The SQL of both kinds of file, and their versions. docs/FORMAT.md explains every column.
 *
 * A file is known by SQLite's `application_id` and `user_version`. The catalog's file holds both schemas:
 * it is physical volume number 0 as well.
 */

/** 'varC': a catalog's file. */
export const CATALOG_APPLICATION_ID = 0x76617243
/** 'varP': a file with payload only. */
export const PAYLOAD_APPLICATION_ID = 0x76617250

/** Of payload-only files. Those of the first are used as they are, and upgraded by the first recovery copy. */
export const PAYLOAD_FORMAT = 2
/** Of catalogs. Older ones are used as they are, and upgraded by what needs the tables of the newer (`NEWER_SCHEMAS`). */
export const CATALOG_FORMAT = 5
/** The first in which the catalog knows which logical volumes use an extent. */
export const USES_FORMAT = 5
/** The first in which extents have bases. */
export const BASES_FORMAT = 3
/** The first with tables for upkeep. */
export const UPKEEP_FORMAT = 2
export const OLDEST_FORMAT = 1

/**
 * Small pages for both: many small rows change in each commit, and larger pages bought payload nothing measurable
 * (bench/results/2026-11-22-spike.md).
 */
export const PAGE_BYTES = 4096

export const PAYLOAD_SCHEMA = `
CREATE TABLE pv_header (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uuid TEXT NOT NULL,
  vg TEXT NOT NULL,
  number INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  transactions INTEGER NOT NULL,
  publish_sequence INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
CREATE TABLE pv_layout (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  layout BLOB NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
CREATE TABLE payload (
  eid INTEGER PRIMARY KEY,
  class INTEGER NOT NULL,
  codec INTEGER NOT NULL,
  cipher INTEGER NOT NULL DEFAULT 0,
  key_id INTEGER,
  nonce BLOB,
  raw_bytes INTEGER NOT NULL,
  slots BLOB NOT NULL,
  bases BLOB,
  checksum BLOB NOT NULL,
  row_check INTEGER NOT NULL,
  frame BLOB NOT NULL
) STRICT;
CREATE TABLE chunk (
  hash BLOB NOT NULL,
  eid INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  length INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  PRIMARY KEY (hash, eid)
) WITHOUT ROWID, STRICT;
`

const COUNTER = `
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`
const REF = `
CREATE TABLE ref (
  name TEXT PRIMARY KEY,
  target BLOB NOT NULL,
  message TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`
const REFLOG = `
CREATE TABLE reflog (
  seq INTEGER PRIMARY KEY,
  ref TEXT NOT NULL,
  old BLOB,
  new BLOB,
  time_ms INTEGER NOT NULL,
  operation TEXT NOT NULL,
  message TEXT NOT NULL,
  who TEXT NOT NULL,
  operation_seq INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
`
const OPERATION = `
CREATE TABLE operation (
  seq INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  who TEXT NOT NULL,
  detail TEXT NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
`
const WORKTREE = `
CREATE TABLE worktree (
  id TEXT PRIMARY KEY,
  path TEXT NOT NULL,
  branch TEXT,
  head BLOB,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`
const PROPERTY = `
CREATE TABLE property (
  dataset TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  source TEXT NOT NULL,
  row_check INTEGER NOT NULL,
  PRIMARY KEY (dataset, name)
) WITHOUT ROWID, STRICT;
`
const UPKEEP = `
CREATE TABLE upkeep (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`
const PRUNED = `
CREATE TABLE pruned (
  commit_id BLOB PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  policy TEXT NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`
const REPLACEMENT = `
CREATE TABLE replacement (
  id BLOB PRIMARY KEY,
  by BLOB NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`

/** What the catalog alone knows is kept on the payload volumes as well, in tables of the same columns (recoveryRows.ts). */
export const RECOVERY_SCHEMA = [COUNTER, REF, REFLOG, OPERATION, WORKTREE, PROPERTY, UPKEEP, PRUNED, REPLACEMENT]
  .join('')
  .replaceAll('CREATE TABLE ', 'CREATE TABLE recovery_')

/** By format of a payload-only file: what it has and the one before has not. */
export const NEWER_PAYLOAD_SCHEMAS: ReadonlyMap<number, string> = new Map([[PAYLOAD_FORMAT, RECOVERY_SCHEMA]])

/** What format 2 has and format 1 has not. */
const UPKEEP_SCHEMA = `
${UPKEEP}${PRUNED}${REPLACEMENT}`

/** What format 3 has and format 2 has not. */
const BASE_SCHEMA = `
CREATE TABLE base (
  base INTEGER NOT NULL,
  eid INTEGER NOT NULL,
  PRIMARY KEY (base, eid)
) WITHOUT ROWID, STRICT;
`

/** What format 5 has and format 4 has not. */
const USES_SCHEMA = `
CREATE TABLE lv_use (
  eid INTEGER NOT NULL,
  lv INTEGER NOT NULL,
  row_check INTEGER NOT NULL,
  PRIMARY KEY (eid, lv)
) WITHOUT ROWID, STRICT;
CREATE TABLE lv_state (
  lv INTEGER PRIMARY KEY,
  extents INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
CREATE TABLE heat (
  eid INTEGER PRIMARY KEY,
  reads INTEGER NOT NULL,
  read_ms INTEGER NOT NULL,
  moved_ms INTEGER NOT NULL
) STRICT;
`

/** By format: what it has and the one before has not. */
export const NEWER_SCHEMAS: ReadonlyMap<number, string> = new Map([
  [2, UPKEEP_SCHEMA],
  [3, BASE_SCHEMA],
  // The layout may ask for more (`needsNewerCatalog`); tables are the same.
  [4, ''],
  [5, USES_SCHEMA],
])

export const CATALOG_SCHEMA = `
${COUNTER}CREATE TABLE extent (
  eid INTEGER PRIMARY KEY,
  class INTEGER NOT NULL,
  raw_bytes INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  checksum BLOB NOT NULL,
  bases BLOB,
  row_check INTEGER NOT NULL
) STRICT;
CREATE TABLE copy (
  eid INTEGER NOT NULL,
  pv INTEGER NOT NULL,
  row_check INTEGER NOT NULL,
  PRIMARY KEY (eid, pv)
) WITHOUT ROWID, STRICT;
CREATE TABLE pv_state (
  pv INTEGER PRIMARY KEY,
  transactions INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  row_check INTEGER NOT NULL
) STRICT;
CREATE TABLE lease (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  gc_epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE reservation (
  first_eid INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  lease INTEGER NOT NULL
) STRICT;
CREATE TABLE condemned (
  hash BLOB PRIMARY KEY,
  chunk_id INTEGER NOT NULL,
  gc_epoch INTEGER NOT NULL,
  condemned_ms INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE bitmap (
  commit_id BLOB PRIMARY KEY,
  base BLOB,
  bytes BLOB NOT NULL,
  row_check INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
${REF}${REFLOG}${OPERATION}${WORKTREE}${PROPERTY}${UPKEEP_SCHEMA}${BASE_SCHEMA}${USES_SCHEMA}`
