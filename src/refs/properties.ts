/**
 * Properties: named settings with a known meaning. They belong to the whole store (dataset ''); which
 * logical volume is used, to branches and what is below them (branchVolumes.ts).
 * Values are text; each property says what it accepts.
 */
import { VarveError } from '../base/errors.js'
import { formatDuration, parseDuration } from '../base/units.js'
import { formatCompression, parseCompression } from '../codec/compressor.js'
import { rowCheck, rowMatches } from '../format/check.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { requireRefName } from './refName.js'

export interface PropertyInfo {
  readonly name: PropertyName
  readonly value: string
  readonly source: 'local' | 'default'
  readonly description: string
}

interface Definition {
  readonly default: string
  readonly description: string
  /** @returns the value in its canonical form; throws INVALID_ARGUMENT. */
  readonly accept: (value: string) => string
}

const ATTRIBUTE_NAMES = ['mtime', 'mode', 'owner', 'links'] as const
export type AttributeName = (typeof ATTRIBUTE_NAMES)[number]

export const PROPERTIES = {
  author: {
    default: '',
    description: 'who commits, `Name <mail>`; empty = user@host',
    accept: (value) => oneLine('author', value),
  },
  attributes: {
    default: 'mtime,mode,links',
    description: 'what commits of a file tree record beside contents: any of mtime, mode, owner, links; or none',
    accept: (value) => formatAttributes(parseAttributes(value)),
  },
  compression: {
    default: 'zstd:3',
    description: 'how new extents are compressed: zstd, zstd:LEVEL, lz4 or none',
    accept: (value) => formatCompression(parseCompression(value)),
  },
  'default-branch': {
    default: 'main',
    description: 'the branch meant where none is named',
    accept: (value) => {
      requireRefName(value, 'branch')
      return value
    },
  },
  'full-warn': {
    default: '80%',
    description:
      'from which part of its size on a logical volume, or the group, is said to be nearly full: a percentage, 1% to 100%',
    accept: (value) => `${parsePercentage('full-warn', value)}%`,
  },
  'gc-auto': {
    default: 'on',
    description: 'whether `varve commit` starts gc in the background when it is time: on or off',
    accept: (value) => onOrOff('gc-auto', value),
  },
  'gc-grace': {
    default: '14d',
    description:
      'how long what nothing needs any more is kept before gc drops it: a duration such as 12h, 14d, 2w, 6m, 1y, or 0',
    accept: (value) => formatDuration(parseDuration(value)),
  },
  'gc-waste': {
    default: '20%',
    description: 'how much of an extent may be dead before gc rewrites it: a percentage, 1% to 100%',
    accept: (value) => `${parsePercentage('gc-waste', value)}%`,
  },
  ignore: {
    default: '',
    description: 'what working folders leave out: patterns as in .gitignore, one a line',
    accept: (value) => {
      if (value.includes('\0')) {
        throw new VarveError('INVALID_ARGUMENT', 'ignore is text, without NUL', { actual: value })
      }
      return value
    },
  },
  'pack-auto': {
    // It takes more memory than a commit's user may expect in the background.
    default: 'off',
    description: 'whether `varve gc --auto` packs a store that is not large when that may pay: on or off',
    accept: (value) => onOrOff('pack-auto', value),
  },
  'reflog-keep': {
    default: '90d',
    description: 'how long the reflog keeps what branches and tags pointed at: a duration, as gc-grace',
    accept: (value) => formatDuration(parseDuration(value)),
  },
} as const satisfies Record<string, Definition>

export type PropertyName = keyof typeof PROPERTIES

function isPropertyName(name: string): name is PropertyName {
  return Object.hasOwn(PROPERTIES, name)
}

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function requirePropertyName(name: string): PropertyName {
  if (isPropertyName(name)) return name
  const known = Object.keys(PROPERTIES)
  throw new VarveError('INVALID_ARGUMENT', `there is no property ${JSON.stringify(name)}`, {
    actual: name,
    candidates: known,
    hint: `Known: ${known.join(', ')}.`,
  })
}

function onOrOff(name: string, value: string): string {
  if (value === 'on' || value === 'off') return value
  throw new VarveError('INVALID_ARGUMENT', `${name} is on or off`, { expected: ['on', 'off'], actual: value })
}

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function parseAttributes(value: string): AttributeName[] {
  if (value === 'none' || value === '') return []
  const names = value.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !(ATTRIBUTE_NAMES as readonly string[]).includes(name))
  if (unknown !== undefined) {
    throw new VarveError('INVALID_ARGUMENT', `there is no attribute ${JSON.stringify(unknown)} to record`, {
      expected: [...ATTRIBUTE_NAMES, 'none'],
      actual: value,
    })
  }
  return ATTRIBUTE_NAMES.filter((name) => names.includes(name))
}

function formatAttributes(names: readonly AttributeName[]): string {
  return names.length === 0 ? 'none' : names.join(',')
}

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function parsePercentage(name: string, value: string): number {
  const match = /^\s*(\d{1,3})\s*%?\s*$/.exec(value)
  const percentage = Number(match?.[1])
  if (!match || percentage < 1 || percentage > 100) {
    throw new VarveError('INVALID_ARGUMENT', `${name} is a percentage, not ${JSON.stringify(value)}`, {
      expected: '1% to 100%',
      actual: value,
    })
  }
  return percentage
}

function oneLine(name: string, value: string): string {
  if (/[\0\n\r]/.test(value)) {
    throw new VarveError('INVALID_ARGUMENT', `${name} is one line of text`, { actual: value })
  }
  return value
}

interface PropertyRow {
  dataset: string
  name: string
  value: string
  source: string
  row_check: number
}

const STORE = ''

export class Properties {
  constructor(private readonly catalog: Catalog) {}

  get(name: PropertyName): PropertyInfo {
    const definition: Definition = PROPERTIES[name]
    const row = this.rows().find((candidate) => candidate.dataset === STORE && candidate.name === name)
    return {
      name,
      value: row?.value ?? definition.default,
      source: row ? 'local' : 'default',
      description: definition.description,
    }
  }

  /** All of them, since a row that a damaged page lost must not come back as the default. */
  private rows(): PropertyRow[] {
    const rows = this.catalog.allOf('properties_check', 'property', () =>
      this.catalog.all<PropertyRow>(
        'SELECT dataset, name, value, source, row_check FROM property ORDER BY dataset, name',
      ),
    )
    for (const { dataset, name, value, source, row_check } of rows) {
      if (!rowMatches(row_check, dataset, name, value, source)) throw this.catalog.damaged('property', name)
    }
    return rows
  }

  /** What is said under one name of parts of the store; not of the whole of it. */
  below(name: string): Pick<PropertyRow, 'dataset' | 'value'>[] {
    return this.rows().filter((row) => row.dataset !== STORE && row.name === name)
  }

  list(): PropertyInfo[] {
    return Object.keys(PROPERTIES).map((name) => this.get(name as PropertyName))
  }

  set(tx: CatalogTransaction, name: PropertyName, value: string): void {
    this.write(tx, STORE, name, PROPERTIES[name].accept(value))
  }

  unset(tx: CatalogTransaction, name: PropertyName): void {
    this.remove(tx, STORE, name)
  }

  /** @param dataset the part of the store it is said of */
  setBelow(tx: CatalogTransaction, dataset: string, name: string, value: string): void {
    this.write(tx, dataset, name, value)
  }

  unsetBelow(tx: CatalogTransaction, dataset: string, name: string): void {
    this.remove(tx, dataset, name)
  }

  private write(tx: CatalogTransaction, dataset: string, name: string, value: string): void {
    this.remove(tx, dataset, name)
    const check = rowCheck(dataset, name, value, 'local')
    tx.run(
      "INSERT INTO property (dataset, name, value, source, row_check) VALUES (?, ?, ?, 'local', ?)",
      dataset,
      name,
      value,
      check,
    )
    tx.mix('properties_check', check)
  }

  private remove(tx: CatalogTransaction, dataset: string, name: string): void {
    const row = tx.get<{ row_check: number }>(
      'SELECT row_check FROM property WHERE dataset = ? AND name = ?',
      dataset,
      name,
    )
    if (!row) return
    tx.run('DELETE FROM property WHERE dataset = ? AND name = ?', dataset, name)
    tx.mix('properties_check', row.row_check)
  }
}
