import { parseArgs } from 'node:util'

export const SCENARIOS = ['trees', 'image', 'folder', 'library', 'startup'] as const
export type Scenario = (typeof SCENARIOS)[number]

export interface BenchOptions {
  readonly corpora: readonly string[]
  /** The tree that is worked on. Undefined: the packages that are installed here. */
  readonly tree: string | undefined
  readonly rounds: number
  readonly only: readonly Scenario[]
  /** Undefined: whichever is installed. */
  readonly peers: readonly string[] | undefined
  /** Where the stores are made, on the file system to be measured. Undefined: the system's temporary folder. */
  readonly work: string | undefined
  /** The results, with or without the ending .md or .json: both are written. */
  readonly out: string | undefined
  readonly help: boolean
}

const DEFAULT_ROUNDS = 3

export const USAGE = `
npm run bench -- [--corpus DIR…] [--tree DIR] [--rounds N] [--only SCENARIO,…] [--peers NAME,…] [--work DIR] [--out FILE]
npm run bench -- upkeep [OPTION…]    what the care of a store takes (\`upkeep --help\`)
npm run bench -- pack [OPTION…]      how small and how quick a packed store is (\`pack --help\`)
npm run bench -- cache [OPTION…]     how often its caches have what is asked for (\`cache --help\`)
npm run bench -- move [OPTION…]      how quickly a volume is emptied (\`move --help\`)
npm run bench -- volumes [OPTION…]   how quick stripes, mirrors and several writers are (\`volumes --help\`)

  --corpus DIR…   what to commit: a folder whose subfolders are versions (trees), or whose files are versions
                  (images), in the order of their names; may be given several times (default: small ones are made)
  --tree DIR      the tree of the working folder (default: the packages installed here)
  --rounds N      how often each tool does everything (default: ${DEFAULT_ROUNDS})
  --only LIST     of ${SCENARIOS.join(', ')} (default: all)
  --peers LIST    of git, restic, borg, bup, casync (default: those that are installed)
  --work DIR      where the stores are made (default: the system's temporary folder)
  --out FILE      where the results go, as FILE.md and FILE.json (default: bench/results/DATE-NAME)
`.trim()

/** @throws {Error} With a sentence for the one who typed it. */
export function readOptions(args: readonly string[], peers: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      corpus: { type: 'string', multiple: true },
      tree: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string' },
      work: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  // More folders may follow the one after --corpus.
  const corpora = [...(values.corpus ?? []), ...positionals]
  if (values.corpus === undefined && positionals.length > 0) throw new Error(`not understood: ${positionals.join(' ')}`)
  const rounds = roundsIn(values.rounds, DEFAULT_ROUNDS)
  return {
    corpora,
    tree: values.tree,
    rounds,
    only: values.only === undefined ? SCENARIOS : chosen(values.only, SCENARIOS, '--only'),
    peers: values.peers === undefined ? undefined : chosen(values.peers, peers, '--peers'),
    work: values.work,
    out: values.out,
    help: values.help === true,
  }
}

/** @throws {Error} as `readOptions` */
export function roundsIn(text: string | undefined, otherwise: number): number {
  const rounds = Number(text ?? otherwise)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a number from 1 on, not ${text}`)
  return rounds
}

/** @throws {Error} as `readOptions` */
export function chosen<Name extends string>(list: string, known: readonly Name[], option: string): Name[] {
  const names = list.split(',').filter((name) => name !== '')
  return names.map((name) => {
    const found = known.find((candidate) => candidate === name)
    if (found === undefined) throw new Error(`${option} takes a list of ${known.join(', ')}, not ${name}`)
    return found
  })
}
