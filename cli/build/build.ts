/**
 * Makes dist/: the library as modules with declarations (dist/src), the command as a bundle (dist/cli), and its manual
 * pages (dist/man).
 *
 * The library stays unbundled, so that whoever uses it sees its modules in stack traces and can bundle it himself. The
 * command is bundled because starting is most of the time a short command takes, and each module read costs some.
 * What a verb needs stays in a chunk of its own, loaded when the verb runs; packages stay outside.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCommand } from './bundle.js'
import { writeManPages } from './manPages.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const target = join(PROJECT, 'dist')

rmSync(target, { recursive: true, force: true })
const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc')
const compiled = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: PROJECT,
  stdio: 'inherit',
})
if (compiled.status !== 0) process.exit(compiled.status ?? 1)
await bundleCommand(PROJECT, join(target, 'cli'))
await writeManPages(PROJECT)
