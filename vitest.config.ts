import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { COMPILED_PLAINLY } from './test/frame/compiledPlainly.js'
import { SlowFirst } from './test/frame/slowFirst.js'

/**
 * Suites that make stores: each runs twice, on a store of one file and on one of three physical volumes. Of working folders
 * those alone that move contents in bulk: the others are about what is on the disk, and not about where it is kept.
 */
const STORE_SUITES = [
  ...['volume', 'cas', 'repository', 'transfer', 'crash'].map((folder) => `test/${folder}/**/*.test.ts`),
  // Of upkeep, what reads or moves extents; refs lie in the catalog alone.
  'test/upkeep/{basesKept,commitBitmaps,erase,eraseRefusals,gc,gcRaces,pack,packFailures,prune,rewrite,scrub,verify,which}.test.ts',
  // Of the command line, what says something of volumes.
  'test/cli/commands/{commit,export,gc,prune,scrub,stats,stores,verify,volumes}.test.ts',
  'test/worktree/{realStore,rsync}.test.ts',
  'test/folder/{workingFolder,links,interrupted,oddTree,model}.test.ts',
]

/** Among them, and yet the same on any number of volumes, or of a number that they choose themselves. */
const ONCE_SUITES = [
  'test/crash/{copyKill,tierKill,hotJournal,rulesOff,freeSpace,threadKill}.test.ts',
  'test/volume/{groupModel,hashIndex,manyVolumes,placement,scratchFile,tiers,volumeThread,writeLock}.test.ts',
  'test/upkeep/{recoverGroup,placementPolicy,severalVolumesMeanwhile}.test.ts',
]
/** Schedules of a store in memory: no store of files is made, and nothing but the processor is waited for. */
const SIMULATION = 'test/simulation/**/*.test.ts'
/**
 * Many short pieces of work, of which each collects and compiles little: threads that do so beside it cost more than they save.
 */
const ONE_THREAD = ['--single-threaded', '--max-semi-space-size=16']

export default defineConfig({
  test: {
    pool: 'forks',
    // Most of the time of a short suite is what it loads, which many load: so processes keep it, and each runs many suites. None may
    // leave anything behind that another would notice.
    isolate: false,
    restoreMocks: true,
    unstubGlobals: true,
    sequence: { sequencer: SlowFirst },
    globalSetup: 'test/frame/runFolder.ts',
    setupFiles: 'test/frame/equalBytes.ts',
    // Vitest leaves one processor to itself, and does next to nothing with it.
    maxWorkers: availableParallelism(),
    execArgv: [...COMPILED_PLAINLY],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Commands that tests build lie in folders of the moment: not each may leave its compiled self behind.
    env: { NODE_DISABLE_COMPILE_CACHE: '1' },
    projects: [
      {
        extends: true,
        test: { name: 'one-pv', include: ['test/**/*.test.ts'], exclude: [SIMULATION], env: { VARVE_TEST_PVS: '1' } },
      },
      {
        extends: true,
        test: { name: 'three-pv', include: STORE_SUITES, exclude: ONCE_SUITES, env: { VARVE_TEST_PVS: '3' } },
      },
      { extends: true, test: { name: 'simulation', include: [SIMULATION], execArgv: ONE_THREAD } },
    ],
  },
})
