/**
 * The kind byte that precedes the bytes of a chunk or object when its id is computed. So a user's file that
 * holds the bytes of a tree never gets a tree's id. Values are frozen with the format.
 */
export const KIND = {
  chunk: 0x63, // 'c'
  manifest: 0x6d, // 'm'
  tree: 0x74, // 't'
  attributes: 0x61, // 'a'
  commit: 0x6b, // 'k'
} as const

export type Kind = (typeof KIND)[keyof typeof KIND]
export type ObjectKind = Exclude<Kind, typeof KIND.chunk>

const KINDS: ReadonlySet<number> = new Set(Object.values(KIND))

export function isKind(byte: number): byte is Kind {
  return KINDS.has(byte)
}
