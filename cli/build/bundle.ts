import { join } from 'node:path'
import { build } from 'esbuild'

/** The oldest Node.js of `engines`. */
export const OLDEST_NODE = 'node20.19'

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
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
    legalComments: 'none',
    logLevel: 'warning',
  })
}
