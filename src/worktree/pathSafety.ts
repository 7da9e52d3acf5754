/**
 * Which names of a stranger's tree may become names on a disk (safety rule 8).
 *
 * Model: a name is judged by itself, by the rules of the place where it is to be written; two names of one directory that
 * such a place takes for one are found by `foldedName`. Decoders have refused the impossible names already: they are
 * judged again here, because this is the last gate before the disk.
 *
 * Guarantee: a name that passes names one entry of the directory it is joined to, never another directory, a stream or
 * a device, and never the folder in which a store lives. Judged too strictly rather than too loosely: file systems fold
 * by tables of their own, so ours takes for equal whatever any of them does.
 */
import { isUtf8 } from 'node:buffer'
import { type ByteName, nameToBytes, nameToText } from '../base/names.js'
import type { Randomness } from '../base/random.js'

export interface NameRules {
  /** Reserved words and characters, no dot or space at the end. */
  readonly windows: boolean
  /** Names that are not UTF-8 cannot be written as they are. */
  readonly textOnly: boolean
  /** Names that differ only in case, or in the Unicode form of the same letters, are one. */
  readonly folds: boolean
}

/** @param folds What `FileSystem.isCaseInsensitive` says. */
export function nameRulesOf(platform: NodeJS.Platform, folds: boolean): NameRules {
  const windows = platform === 'win32'
  return { windows, textOnly: windows || platform === 'darwin', folds }
}

/** Why `name` may not be written, to continue `it …`. */
export function unsafeNameReason(name: ByteName, rules: NameRules): string | undefined {
  if (name === '') return 'has an empty name'
  if (name === '.' || name === '..') return 'leads to another folder'
  if (name.includes('/')) return 'has a "/" in its name'
  if (name.includes('\0')) return 'has a NUL in its name'
  if (rules.textOnly && !isUtf8(nameToBytes(name)))
    return 'has a name that is not UTF-8, which this system does not take'
  if (isStoreName(name)) return `is named ${name === STORE_NAME ? '' : 'like '}${STORE_NAME}, where a store lives`
  if ((rules.folds || rules.windows) && name !== GIT_NAME && isGitName(name)) {
    return `has a name that this file system takes for ${GIT_NAME}`
  }
  return rules.windows ? windowsReason(nameToText(name)) : undefined
}

/** Equal for names that some file system takes for one. */
export function foldedName(name: ByteName): string {
  return foldedText(nameToText(name))
}

function foldedText(text: string): string {
  // Upwards first: letters with several small forms, and those that become two letters, meet there.
  return text.replace(IGNORABLE_PATTERN, '').normalize('NFD').toUpperCase().toLowerCase().normalize('NFC')
}

/** Characters that HFS+ does not see in a name. */
const IGNORABLE_PATTERN = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

const STORE_NAME = '.varve'
const GIT_NAME = '.git'

/** `.varve`, and every name that some file system takes for it. */
export function isStoreName(name: ByteName): boolean {
  return isDisguiseOf('varve', name)
}

/** `.git`, and every name that some file system takes for it. */
export function isGitName(name: ByteName): boolean {
  return isDisguiseOf('git', name)
}

/**
 * What a file is called until it is finished and takes the place of another. Left behind only by a process that was
 * killed; never part of a tree.
 */
export function unfinishedName(random: Randomness): ByteName {
  return `${UNFINISHED_PREFIX}${random.bytes(8).toString('hex')}` as ByteName
}

export function isUnfinishedName(name: ByteName): boolean {
  return name.startsWith(UNFINISHED_PREFIX) && UNFINISHED_PATTERN.test(name)
}

const UNFINISHED_PREFIX = '.varve-unfinished-'
const UNFINISHED_PATTERN = /^\.varve-unfinished-[0-9a-f]{16}$/

/** Windows takes `name::$INDEX_ALLOCATION` for `name`, and drops dots and spaces at the end. */
const WINDOWS_TAIL_PATTERN = /[. ]*(:.*)?$/s

/** @param word The name without its leading dot. */
function isDisguiseOf(word: string, name: ByteName): boolean {
  // Most names are let go by their first letter: it is a dot, the word's own, or none of ASCII.
  const first = name.charCodeAt(0)
  if (first !== DOT && first < 0x80 && (first | LOWER_CASE_BIT) !== word.charCodeAt(0)) return false
  const plain = foldedText(nameToText(name)).replace(WINDOWS_TAIL_PATTERN, '')
  if (plain === `.${word}`) return true
  // The short names that NTFS and FAT give to names that begin with a dot.
  return plain.startsWith(`${word}~`) && /^\d+$/.test(plain.slice(word.length + 1))
}

const DOT = 0x2e
const LOWER_CASE_BIT = 0x20

const WINDOWS_CHARACTERS_PATTERN = /[\u0001-\u001f<>:"\\|?*]/
const WINDOWS_DEVICE_PATTERN = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])$/i

function windowsReason(text: string): string | undefined {
  const bad = WINDOWS_CHARACTERS_PATTERN.exec(text)
  if (bad) return `has ${JSON.stringify(bad[0])} in its name, which Windows does not take`
  if (/[. ]$/.test(text)) return 'has a dot or space at the end of its name, which Windows drops'
  const base = (text.split('.', 1)[0] ?? '').trimEnd()
  return WINDOWS_DEVICE_PATTERN.test(base) ? 'has a name that Windows takes for a device' : undefined
}
