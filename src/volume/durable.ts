/** What every connection that writes sets first, in any thread. */

/** 32 MiB at 4 KiB a page. */
const CHECKPOINT_PAGES = 8192

export const DURABLE: ReadonlyMap<string, string | number> = new Map<string, string | number>([
  ['synchronous', 'FULL'],
  ['fullfsync', 'ON'],
  ['checkpoint_fullfsync', 'ON'],
  // Checkpoints cost two syncs: not after each batch of a large commit.
  ['wal_autocheckpoint', CHECKPOINT_PAGES],
  // A big batch must not leave a write-ahead log of its size behind for good.
  ['journal_size_limit', 16 * 1024 * 1024],
  // Bit flips in cells are noticed as they are read, not handed out.
  ['cell_size_check', 'ON'],
])
