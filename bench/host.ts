/** On what machine, with what versions: the head of every table of results. Nothing that names machine or user. */
import { statfsSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import Database from 'better-sqlite3'
import { version as isomorphicGitVersion } from 'isomorphic-git'
import { numberText } from './markdown.js'
import type { ToolUsed } from './results.js'

export interface Host {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly fileSystem: string
  readonly node: string
  readonly sqlite: string
  readonly isomorphicGit: string
  /** Of the minute before: how busy the machine was with other things. */
  readonly loadBefore: number
}

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  801189825: 'zfs',
}

/** @param workFolder - On whose file system the stores are made. */
export function describeHost(workFolder: string): Host {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
    fileSystem: FILE_SYSTEMS[statfsSync(workFolder).type] ?? 'unknown file system',
    node: process.version,
    sqlite: sqliteVersion(),
    isomorphicGit: isomorphicGitVersion(),
    loadBefore: loadavg()[0] ?? 0,
  }
}

interface RunHead {
  readonly host: Host
  readonly date: string
  readonly tools: readonly ToolUsed[]
  readonly rounds: number
}

export function hostLines({ host, date, tools, rounds }: RunHead): string[] {
  const versions = tools.map(({ name, version }) => (version.startsWith(name) ? version : `${name} ${version}`))
  return [
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ` +
      `${host.system}; Node ${host.node}, SQLite ${host.sqlite}; ${date}, ${rounds === 1 ? 'one round' : `${rounds} rounds`}; ` +
      `load before the run ${host.loadBefore.toFixed(2)}.`,
    `**Tools**: ${versions.join('; ')}.`,
  ]
}

function sqliteVersion(): string {
  const database = new Database(':memory:')
  try {
    return String(database.prepare('SELECT sqlite_version()').pluck().get())
  } finally {
    database.close()
  }
}
