/** What the hashes of a chunk table begin with, all of them, read in as few steps as SQLite can do it. */
import { HASH_BYTES } from '../base/hash.js'
import { PREFIX_BYTES } from './hashIndex.js'
import type { SqlDatabase } from './sqlite.js'

/** Half a megabyte of digits. */
const PAGE_ROWS = 65_536
const COUNT = 'SELECT count(*) AS rows FROM (SELECT 1 FROM chunk LIMIT ?)'
const PAGE = `SELECT count(*) AS rows, group_concat(hex(substr(hash, 1, ${PREFIX_BYTES})), '') AS digits FROM chunk`
const WITHIN = 'WHERE hash >= ? AND hash < ?'

interface Page {
  rows: number
  digits: string | null
}

/** On one view of the file. @returns `undefined` where there are more than `limit` rows, or damaged ones */
export function hashPrefixes(database: SqlDatabase, limit: number): Uint32Array | undefined {
  const { rows = 0 } = database.get<{ rows: number }>(COUNT, limit + 1) ?? {}
  if (rows > limit) return undefined
  const prefixes = new Uint32Array(rows)
  const pages = Math.ceil(rows / PAGE_ROWS)
  let read = 0
  for (let page = 0; page < pages; page++) {
    const found =
      pages === 1
        ? database.get<Page>(PAGE)
        : database.get<Page>(`${PAGE} ${WITHIN}`, boundary(page, pages), boundary(page + 1, pages))
    const bytes = Buffer.from(found?.digits ?? '', 'hex')
    // A hash that is none gives fewer digits, or more.
    if (bytes.length !== PREFIX_BYTES * (found?.rows ?? 0)) return undefined
    for (let at = 0; at < bytes.length; at += PREFIX_BYTES) prefixes[read++] = bytes.readUInt32BE(at)
  }
  return read === rows ? prefixes : undefined
}

/** Hashes are spread evenly: so are those between two of these. */
function boundary(page: number, pages: number): Buffer {
  if (page === pages) return Buffer.alloc(HASH_BYTES + 1, 0xff)
  const bytes = Buffer.alloc(PREFIX_BYTES)
  bytes.writeUInt32BE(Math.floor((page * 2 ** (8 * PREFIX_BYTES)) / pages))
  return bytes
}
