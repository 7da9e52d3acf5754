import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/** The oldest Node.js of `engines`. */
export const OLDEST_NODE = 'node20.19'

/**
 * Packages that stay packages: native ones, and one that looks for a file beside it. All others are in the bundle.
 * They are loaded when they are first used.
 */
const OUTSIDE = ['better-sqlite3', '@toondepauw/node-zstd', 'lz4-napi', 'fastcdc-wasm']

/**
 * Writes the `varve` command into `folder`: `main.cjs`, which answers `--version`; `start.cjs`, which it loads for
 * everything else; and `library.cjs`, which that loads for verbs that open a store. What a verb needs is parsed with
 * `start.cjs` and run when the verb runs.
 *
 * CommonJS, because Node.js starts it sooner than modules. Licences of bundled packages stand beside it.
 *
 * @param projectFolder - Where package.json lies. `folder` lies below it too, so that the packages are found from there.
 */
export async function bundleCommand(projectFolder: string, folder: string): Promise<void> {
  const bundle = (source: string, name: string, options: BuildOptions) =>
    build({
      absWorkingDir: projectFolder,
      entryPoints: [join(projectFolder, source)],
      outfile: join(folder, name),
      bundle: true,
      format: 'cjs',
      platform: 'node',
      target: OLDEST_NODE,
      external: OUTSIDE,
      // Modules first: of those only what is used is taken.
      mainFields: ['module', 'main'],
      // Else it would be loaded as modules are.
      supported: { 'dynamic-import': false },
      legalComments: 'none',
      logLevel: 'warning',
      minifySyntax: true,
      minifyWhitespace: true,
      metafile: true,
      define: { 'import.meta.dirname': '__dirname', 'import.meta.url': 'fileUrl' },
      banner: { js: 'const fileUrl = require("node:url").pathToFileURL(__filename).href;' },
      ...options,
    })
  const bundles = await Promise.all([
    bundle('cli/main.ts', 'main.cjs', { plugins: [staysOutside(/^\.\/start\.js$/, './start.cjs')], banner: {} }),
    bundle('cli/start.ts', 'start.cjs', {
      plugins: [staysOutside(/\/src\/index\.js$/, './library.cjs'), withoutPrograms],
    }),
    bundle('src/index.ts', 'library.cjs', {
      plugins: [driverInside],
      external: [...OUTSIDE.filter((name) => name !== 'better-sqlite3'), 'bindings'],
    }),
  ])
  const sources = bundles.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}))
  writeFileSync(join(folder, 'LICENSES.txt'), licencesOf(sources, projectFolder))
}

/** What is imported by such a name is a bundle of its own. */
function staysOutside(filter: RegExp, path: string): Plugin {
  return {
    name: `${path} stays outside`,
    setup({ onResolve }) {
      onResolve({ filter }, () => ({ path, external: true }))
    },
  }
}

/** Of better-sqlite3 all but the native part. What finds that part by itself, `bindings`, is not needed then. */
const driverInside: Plugin = {
  name: 'driver inside',
  setup({ onResolve }) {
    const path = fileURLToPath(new URL('./bundledDriver.ts', import.meta.url))
    onResolve({ filter: /\/volume\/driver\.js$|^\.\/driver\.js$/ }, () => ({ path }))
  },
}

/**
 * Commander loads `node:child_process` before anything else, for subcommands that are programs. varve has none, and
 * nothing takes as long to load.
 */
const withoutPrograms: Plugin = {
  name: 'without programs',
  setup({ onLoad, onResolve }) {
    const namespace = 'nothing'
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path, namespace } : undefined,
    )
    onLoad({ filter: /./, namespace }, () => ({ contents: 'module.exports = {}' }))
  },
}

function licencesOf(sources: readonly string[], projectFolder: string): string {
  const found = sources.flatMap((path) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[0] ?? [])
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
