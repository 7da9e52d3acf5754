import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const BUILT = join(import.meta.dirname, '../dist/src')

/** The library as it is installed: built, not the sources. The types are those of the sources. */
export async function openBuilt(): Promise<typeof import('../src/index.js')> {
  return openBuiltModule('index')
}

/** A part of it that is not public. */
export async function openBuiltModule<Module>(name: string): Promise<Module> {
  return (await import(pathToFileURL(join(BUILT, `${name}.js`)).href)) as Module
}
