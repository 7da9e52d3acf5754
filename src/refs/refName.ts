/**
 * Names of branches and tags. Inside the store a ref has its full name, `heads/NAME` or `tags/NAME`; people write and
 * see NAME. The rules are those of `git check-ref-format`, so that every name can go to Git and come back.
 */
import { VarveError } from '../base/errors.js'

export type RefKind = 'branch' | 'tag'

const PREFIXES: Readonly<Record<RefKind, string>> = { branch: 'heads/', tag: 'tags/' }
/** Git's own limit is that of a path. */
const NAME_BYTES_MAX = 1024
const LONE_SURROGATE_PATTERN = /\p{Surrogate}/u
const CONTROL_PATTERN = /[\u0000-\u001f\u007f]/
const FORBIDDEN_PATTERN = /[ ~^:?*[\\]/
const ID_PATTERN = /^[0-9a-f]{64}$/i

/** The full name of a branch. @throws {VarveError} `INVALID_REF_NAME` */
export function branchRef(name: string): string {
  requireRefName(name, 'branch')
  return PREFIXES.branch + name
}

/** The full name of a tag. @throws {VarveError} `INVALID_REF_NAME` */
export function tagRef(name: string): string {
  requireRefName(name, 'tag')
  return PREFIXES.tag + name
}

/** What a full name is the name of; `undefined` for anything else. */
export function splitRef(fullName: string): { readonly kind: RefKind; readonly name: string } | undefined {
  for (const kind of ['branch', 'tag'] as const) {
    if (fullName.startsWith(PREFIXES[kind])) return { kind, name: fullName.slice(PREFIXES[kind].length) }
  }
  return undefined
}

/** The name that people see. */
export function shortRef(fullName: string): string {
  return splitRef(fullName)?.name ?? fullName
}

/** @throws {VarveError} `INVALID_REF_NAME` */
export function requireFullRef(fullName: string): void {
  const parts = splitRef(fullName)
  if (!parts) {
    throw new VarveError('INVALID_REF_NAME', `${JSON.stringify(fullName)} is not the full name of a branch or tag`, {
      expected: 'heads/NAME or tags/NAME',
      actual: fullName,
    })
  }
  requireRefName(parts.name, parts.kind)
}

/** @throws {VarveError} `INVALID_REF_NAME` that says which rule is broken. */
export function requireRefName(name: string, kind: RefKind = 'branch'): void {
  const rule = brokenRule(name)
  if (rule === undefined) return
  throw new VarveError('INVALID_REF_NAME', `${JSON.stringify(name)} cannot name a ${kind}: it ${rule}`, {
    actual: name,
    rule,
  })
}

export function isRefName(name: string): boolean {
  return brokenRule(name) === undefined
}

function brokenRule(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (LONE_SURROGATE_PATTERN.test(name)) return 'is not well-formed Unicode'
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `is longer than ${NAME_BYTES_MAX} bytes`
  if (CONTROL_PATTERN.test(name)) return 'holds a control character'
  const forbidden = FORBIDDEN_PATTERN.exec(name)?.[0]
  if (forbidden === ' ') return 'holds a space'
  if (forbidden !== undefined) return `holds "${forbidden}"`
  if (name.includes('..')) return 'holds ".."'
  if (name.includes('@{')) return 'holds "@{"'
  if (name === '@') return 'is "@", which stands for HEAD'
  if (name.startsWith('-')) return 'begins with "-"'
  if (name.startsWith('/')) return 'begins with "/"'
  if (name.endsWith('/')) return 'ends with "/"'
  if (name.includes('//')) return 'holds "//"'
  if (name.endsWith('.')) return 'ends with "."'
  for (const segment of name.split('/')) {
    if (segment.startsWith('.')) return `has a part that begins with ".": "${segment}"`
    if (segment.endsWith('.lock')) return `has a part that ends with ".lock": "${segment}"`
  }
  if (name === 'HEAD') return 'is "HEAD", which stands for the branch at hand'
  if (ID_PATTERN.test(name)) return 'looks like the id of a commit'
  return undefined
}
