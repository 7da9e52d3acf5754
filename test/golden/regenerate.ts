/**
 * Golden values: ids and chunk boundaries that must never change, because stores hold them.
 *
 *     npx tsx test/golden/regenerate.ts
 *
 * writes ids.json and boundaries.json anew. Do so only together with a new format version; the tests compare what
 * this file computes with what it once wrote.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Hash } from '../../src/base/hash.js'
import { nameFromText } from '../../src/base/names.js'
import { KIB, MIB } from '../../src/base/units.js'
import { chunkWhole } from '../../src/codec/chunker.js'
import { createHasher } from '../../src/codec/hasher.js'
import { encodeAttributesInner, encodeAttributesLeaf } from '../../src/format/attributes.js'
import { encodeCommit } from '../../src/format/commit.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND, type Kind } from '../../src/format/kinds.js'
import { encodeManifestInner, encodeManifestLeaf } from '../../src/format/manifest.js'
import { DEFAULT_PROFILE, HASH_NAMES, makeProfile } from '../../src/format/profile.js'
import { encodeTreeInner, encodeTreeLeaf } from '../../src/format/tree.js'
import { pseudoRandom, pseudoText } from '../codec/inputs.js'

const A = 'a1'.repeat(32) as Hash
const B = 'b2'.repeat(32) as Hash

export interface GoldenObject {
  readonly name: string
  readonly kind: Kind
  readonly bytes: Buffer
}

/** One object of every layout, with every optional part in use somewhere. */
export function goldenObjects(): GoldenObject[] {
  const file = { shape: 1, size: 5, id: A }
  const directory = { shape: 2, size: 1_000_000, id: B }
  const plain = { executable: false, files: 0 }
  const link = { shape: 1, size: 3, id: B }
  const author = { who: 'Ada <ada@example.org>', timeMs: 1_700_000_000_123, zoneMinutes: 90 }
  const bytes = pseudoRandom(64 * KIB, 1)
  return [
    { name: 'chunk, empty', kind: KIND.chunk, bytes: Buffer.alloc(0) },
    { name: 'chunk, text', kind: KIND.chunk, bytes: Buffer.from('varve\n') },
    { name: 'chunk, 16384 bytes', kind: KIND.chunk, bytes: bytes.subarray(0, 16384) },
    { name: 'chunk, 16385 bytes', kind: KIND.chunk, bytes: bytes.subarray(0, 16385) },
    { name: 'chunk, 65536 bytes', kind: KIND.chunk, bytes },
    {
      name: 'manifest, leaf',
      kind: KIND.manifest,
      bytes: encodeManifestLeaf([
        { id: A, length: 8192, repeat: 1 },
        { id: B, length: 65536, repeat: 1000 },
      ]),
    },
    {
      name: 'manifest, inner',
      kind: KIND.manifest,
      bytes: encodeManifestInner(2, [
        { id: A, size: 1 },
        { id: B, size: 2 ** 40 },
      ]),
    },
    {
      name: 'tree, leaf',
      kind: KIND.tree,
      bytes: encodeTreeLeaf([
        { name: nameFromText('a file'), kind: 'file', content: file, ...plain },
        { name: nameFromText('directory'), kind: 'directory', content: directory, executable: false, files: 12 },
        { name: nameFromText('empty'), kind: 'file', content: EMPTY_CONTENT, ...plain },
        { name: nameFromText('link'), kind: 'symlink', content: link, ...plain },
        { name: nameFromText('module'), kind: 'gitlink', content: EMPTY_CONTENT, foreignId: 'c3'.repeat(20), ...plain },
        { name: nameFromText('tool'), kind: 'file', content: file, executable: true, files: 0 },
        { name: nameFromText('été'), kind: 'directory', content: EMPTY_CONTENT, ...plain },
      ]),
    },
    {
      name: 'tree, inner',
      kind: KIND.tree,
      bytes: encodeTreeInner(1, [
        { id: A, lastName: nameFromText('m'), size: 10, files: 3, entries: 2 },
        { id: B, lastName: nameFromText('z'), size: 0, files: 0, entries: 1 },
      ]),
    },
    {
      name: 'attributes, leaf',
      kind: KIND.attributes,
      bytes: encodeAttributesLeaf([
        { name: nameFromText(''), attributes: { mode: 0o755 }, below: EMPTY_CONTENT },
        {
          name: nameFromText('all'),
          attributes: {
            mtimeNs: -1n,
            mode: 0o4711,
            owner: { uid: 1000, gid: 0 },
            xattrs: [{ name: nameFromText('user.note'), value: Buffer.from('hello') }],
          },
          below: { shape: 2, size: 0, id: A },
        },
        { name: nameFromText('time'), attributes: { mtimeNs: 1_700_000_000_123_456_789n }, below: EMPTY_CONTENT },
      ]),
    },
    {
      name: 'attributes, leaf with hard links',
      kind: KIND.attributes,
      bytes: encodeAttributesLeaf(
        ['a', 'b'].map((name) => ({
          name: nameFromText(name),
          attributes: { mode: 0o644, linkGroup: '0123456789abcdef' },
          below: EMPTY_CONTENT,
        })),
      ),
    },
    {
      name: 'attributes, inner',
      kind: KIND.attributes,
      bytes: encodeAttributesInner(1, [{ id: A, lastName: nameFromText('z'), entries: 300 }]),
    },
    {
      name: 'commit, bare',
      kind: KIND.commit,
      bytes: encodeCommit({
        tree: EMPTY_CONTENT,
        files: 0,
        attributes: EMPTY_CONTENT,
        parents: [],
        author,
        committer: author,
        message: '',
        extraHeaders: [],
      }),
    },
    {
      name: 'commit, with everything',
      kind: KIND.commit,
      bytes: encodeCommit({
        tree: directory,
        files: 12,
        attributes: { shape: 3, size: 0, id: A },
        parents: [A, B],
        author,
        committer: { who: 'Bo', timeMs: -1, zoneMinutes: -570 },
        message: 'Subject\n\nBody, with é\n',
        extraHeaders: [{ key: 'encoding', value: 'ISO-8859-1' }],
        signature: Buffer.from('signed'),
      }),
    },
  ]
}

const SHOWN_BYTES_MAX = 600

async function goldenIds(): Promise<unknown> {
  const hashers = await Promise.all(HASH_NAMES.map(createHasher))
  return goldenObjects().map(({ name, kind, bytes }) => ({
    name,
    ...(bytes.length <= SHOWN_BYTES_MAX ? { bytes: bytes.toString('hex') } : {}),
    ...Object.fromEntries(hashers.map((hasher) => [hasher.name, hasher.id(kind, bytes)])),
  }))
}

export interface GoldenInput {
  readonly name: string
  readonly bytes: Buffer
}

export function goldenInputs(): GoldenInput[] {
  const random = pseudoRandom(4 * MIB, 0x5eed)
  return [
    { name: 'pseudo-random, 4 MiB', bytes: random },
    { name: 'zeros, 1 MiB and 1', bytes: Buffer.alloc(MIB + 1) },
    { name: 'text, 1 MiB', bytes: pseudoText(MIB, 0x7e47) },
    {
      name: 'random, zeros, random',
      bytes: Buffer.concat([random.subarray(0, 100_000), Buffer.alloc(3 * MIB), random.subarray(0, 100_000)]),
    },
    { name: 'one byte', bytes: Buffer.from([1]) },
    { name: 'nothing', bytes: Buffer.alloc(0) },
  ]
}

export const GOLDEN_CHUNKERS = [
  DEFAULT_PROFILE.chunker,
  makeProfile({ chunker: { minBytes: 16 * KIB, averageBytes: 64 * KIB, maxBytes: 256 * KIB } }).chunker,
]

function goldenBoundaries(): unknown {
  return GOLDEN_CHUNKERS.map((chunker) => ({
    chunker,
    inputs: goldenInputs().map(({ name, bytes }) => ({
      name,
      lengths: chunkWhole(bytes, chunker).map((chunk) => chunk.length),
    })),
  }))
}

function write(name: string, value: unknown): void {
  // Lists of numbers on one line.
  const text = JSON.stringify(value, undefined, 2).replaceAll(/\[[\d,\s]*\]/g, (list) => list.replaceAll(/\s+/g, ''))
  writeFileSync(fileURLToPath(new URL(name, import.meta.url)), `${text}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  write('ids.json', await goldenIds())
  write('boundaries.json', goldenBoundaries())
}
