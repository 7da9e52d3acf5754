import { type Config, KiB, MiB } from './config.ts'

export interface Plan {
  script: 'one.ts' | 'docs.ts'
  flags: string[]
  configs: Partial<Config>[]
  show: string[]
}

const trees = [
  'stored',
  'chunkStored',
  'objectStored',
  'commitMs',
  'exportMs',
  'exportDecodes',
  'filesMs',
  'peakCommitMB',
  'peakMB',
]
const contention = [
  'commitMs',
  'afterFirstMs',
  'writerWaits.retries',
  'writerWaits.ms',
  'writerWaits.longest',
  'walBytes',
  'reader.transactions',
  'reader.seconds',
  'reader.waits.retries',
  'reader.waits.ms',
  'reader.waits.longest',
]
const small = [
  'commitsPerSecond',
  'medianMs',
  'p99Ms',
  'bytesPerCommit',
  'frameBytesPerCommit',
  'objectsPerCommit',
  'writerWaits.ms',
  'writerWaits.longest',
  'reader.transactions',
  'reader.waits.ms',
  'reader.waits.longest',
]

const kib = [4, 8, 16, 32].map((n) => n * KiB)
const journals = ['WAL', 'TRUNCATE'] as const
const sizes = kib.flatMap((avg) => [256 * KiB, MiB].map((extent) => ({ avg, extent })))
const best = [
  { avg: 8 * KiB, extent: MiB },
  { avg: 16 * KiB, extent: MiB },
]
const locks: Partial<Config>[] = [
  { page: 4 * KiB, journal: 'WAL' },
  { page: 4 * KiB, journal: 'TRUNCATE' },
  { page: 16 * KiB, journal: 'WAL' },
  { page: 16 * KiB, journal: 'TRUNCATE' },
  { page: 16 * KiB, journal: 'TRUNCATE', split: true },
  { page: 16 * KiB, journal: 'TRUNCATE', split: true, hold: 'late' },
  { page: 16 * KiB, journal: 'TRUNCATE', split: true, spill: false },
  { page: 16 * KiB, journal: 'WAL', split: true },
].map((c) => ({ avg: 8 * KiB, ...c }) as Partial<Config>)
const imageAlone = locks.filter((c) => !c.split)
const imageReader = locks.filter((c) =>
  c.split ? c.journal === 'TRUNCATE' : c.page === 4 * KiB && c.journal === 'WAL',
)

const chunkExtent: Plan = { script: 'one.ts', flags: ['--files'], show: trees, configs: sizes }
const pageJournal: Plan = {
  script: 'one.ts',
  flags: ['--files'],
  show: trees,
  configs: best.flatMap((b) => kib.flatMap((page) => journals.map((journal) => ({ ...b, page, journal })))),
}
const withBases: Plan = {
  script: 'one.ts',
  flags: ['--files'],
  show: trees,
  configs: sizes.map((s) => ({ ...s, bases: true })),
}

/** Named plans; a name may appear once per corpus, for the result file. */
export const plans: Record<string, Plan> = {
  'ts10 chunk x extent': chunkExtent,
  'ts10 bases': withBases,
  'ts10 page x journal': pageJournal,
  // An image takes twenty seconds a run, so only what the trees left open, and no files written.
  'img2 chunk x extent': {
    ...chunkExtent,
    flags: [],
    configs: sizes.filter((s) => s.avg === 8 * KiB || s.avg === 16 * KiB),
  },
  'img2 sizes only': {
    ...chunkExtent,
    flags: [],
    configs: sizes.filter((s) => s.avg === 4 * KiB || s.avg === 32 * KiB),
  },
  'img2 bases': {
    ...withBases,
    flags: [],
    configs: withBases.configs.filter((c) => c.avg === 8 * KiB || c.avg === 16 * KiB),
  },
  'ts10 extras': {
    script: 'one.ts',
    flags: ['--files'],
    show: trees,
    configs: [{}, { fanout: 32 }, { fanout: 128 }, { codec: 'lz4' }].map(
      (c) => ({ avg: 8 * KiB, ...c }) as Partial<Config>,
    ),
  },
  'ts10 alone': { script: 'one.ts', flags: [], show: contention, configs: locks },
  'ts10 reader': { script: 'one.ts', flags: ['--reader'], show: contention, configs: locks },
  'img2 alone': { script: 'one.ts', flags: [], show: contention, configs: imageAlone },
  'img2 reader': { script: 'one.ts', flags: ['--reader'], show: contention, configs: imageReader },
  docs: {
    script: 'docs.ts',
    flags: [],
    show: small,
    configs: [4, 8, 16].flatMap((n) => [false, true].map((bases) => ({ avg: n * KiB, bases }))),
  },
  'docs pages': {
    script: 'docs.ts',
    flags: [],
    show: small,
    configs: kib.flatMap((page) => journals.map((journal) => ({ avg: 8 * KiB, bases: true, page, journal }))),
  },
  'docs alone': { script: 'docs.ts', flags: [], show: small, configs: locks.map((c) => ({ ...c, bases: true })) },
  'docs reader': {
    script: 'docs.ts',
    flags: ['--reader'],
    show: small,
    configs: locks.map((c) => ({ ...c, bases: true })),
  },
}
