import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

/** The oldest Node.js of `engines`. */
export const OLDEST_NODE = 'node20.19'

/**
 * Packages that stay packages: native ones, and one that looks for a file beside it. All others are in the bundle.
 * They are loaded when they are first used.
 */
const OUTSIDE = ['better-sqlite3', '@toondepauw/node-zstd', 'lz4-napi', 'fastcdc-wasm']

/**
 * Writes the `varve` command into `folder`: `main.cjs`, which answers `--version`, and `start.cjs`, which it loads for
 * everything else. What a verb needs is parsed with that and run when the verb runs.
 *
 * CommonJS, because Node.js starts it sooner than modules. Licences of bundled packages stand beside it.
 *
 * @param projectFolder - Where package.json lies. `folder` lies below it too, so that the packages are found from there.
 */
export async function bundleCommand(projectFolder: string, folder: string): Promise<void> {
  const common = {
    absWorkingDir: projectFolder,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: OLDEST_NODE,
    external: OUTSIDE,
    // Modules first: of those only what is used is taken.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    logLevel: 'warning',
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': 'fileUrl' },
    banner: { js: 'const fileUrl = require("node:url").pathToFileURL(__filename).href;' },
  } satisfies BuildOptions
  await build({
    ...common,
    entryPoints: [join(projectFolder, 'cli/main.ts')],
    outfile: join(folder, 'main.cjs'),
    plugins: [startStaysOutside],
    // Else it would be loaded as modules are.
    supported: { 'dynamic-import': false },
    banner: {},
  })
  const { metafile } = await build({
    ...common,
    entryPoints: [join(projectFolder, 'cli/start.ts')],
    outfile: join(folder, 'start.cjs'),
  })
  writeFileSync(join(folder, 'LICENSES.txt'), licencesOf(metafile, projectFolder))
}

const startStaysOutside: Plugin = {
  name: 'start stays outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/start\.js$/ }, () => ({ path: './start.cjs', external: true }))
  },
}

function licencesOf({ inputs }: Metafile, projectFolder: string): string {
  const found = Object.keys(inputs).flatMap((path) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[0] ?? [])
  return [...new Set(found)]
    .sort()
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(projectFolder, folder, 'package.json'), 'utf8')) as {
        name: string
        version: string
        license: string
      }
      return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${licenceIn(join(projectFolder, folder))}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}

/** @throws {Error} for a package that comes without its licence: it must not be in the bundle */
function licenceIn(folder: string): string {
  for (const name of ['LICENSE', 'LICENSE.md', 'license', 'LICENCE', 'LICENSE.txt']) {
    try {
      return readFileSync(join(folder, name), 'utf8').trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error(`no licence in ${folder}`)
}
