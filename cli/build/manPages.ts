import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAN_FOLDER, renderManPages } from '../man.js'

/** Writes the manual pages to where package.json has them. */
export async function writeManPages(projectFolder: string): Promise<void> {
  const folder = join(projectFolder, MAN_FOLDER)
  mkdirSync(folder, { recursive: true })
  for (const [name, page] of await renderManPages()) writeFileSync(join(folder, name), page)
}
