/** A measurement that wants a process to itself: a script of this folder that prints one line of JSON. */
import { join } from 'node:path'
import { runChild } from './children.js'

/** @throws {Error} With the line that names the error, without the stack and its machine paths. */
export async function runScript<Printed>(script: string, args: readonly string[]): Promise<Printed> {
  const project = join(import.meta.dirname, '..')
  const path = join(import.meta.dirname, script)
  const ended = await runChild(process.execPath, ['--import', 'tsx', path, ...args], {
    folder: project,
    environment: process.env,
    keepPrinted: true,
  })
  if (ended.status === 0) return JSON.parse(ended.printed) as Printed
  const line = ended.said.split('\n').find((candidate) => /^\w*Error\b/.test(candidate))
  throw new Error(line?.replaceAll(project, '‹project›') ?? `${script} ended with ${ended.status ?? ended.signal}`)
}
