import { defineConfig } from 'vitest/config'

/** Suites that make stores: each runs twice, on a store of one file and on one of three physical volumes. */
const STORE_SUITES = [
  'volume',
  'cas',
  'repository',
  'refs',
  'worktree',
  'folder',
  'upkeep',
  'transfer',
  'cli',
  'crash',
].map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'one-pv', include: ['test/**/*.test.ts'], env: { VARVE_TEST_PVS: '1' } } },
      { extends: true, test: { name: 'three-pv', include: STORE_SUITES, env: { VARVE_TEST_PVS: '3' } } },
    ],
  },
})
