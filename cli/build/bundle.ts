import { join } from 'node:path'
import { build } from 'esbuild'

/** The oldest Node.js of `engines`. */
export const OLDEST_NODE = 'node20.19'

/** Packages that bring native code or WebAssembly files of their own. The rest is bundled: reading it is most of a short command's time. */
const UNBUNDLED = ['better-sqlite3', '@toondepauw/node-zstd', 'lz4-napi', 'fastcdc-wasm']

/**
 * Writes the `varve` command, `main.js` and its chunks, into `folder`.
 *
 * @param projectFolder - Where package.json lies. `folder` lies below it too, so that the packages are found from there.
 */
export async function bundleCommand(projectFolder: string, folder: string): Promise<void> {
  await build({
    absWorkingDir: projectFolder,
    entryPoints: [join(projectFolder, 'cli/main.ts')],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: OLDEST_NODE,
    external: UNBUNDLED,
    // CommonJS packages inside the bundle ask for Node's own modules by `require`.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    mainFields: ['module', 'main'],
    chunkNames: 'chunks/[name]-[hash]',
    legalComments: 'none',
    logLevel: 'warning',
  })
}
