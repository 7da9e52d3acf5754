/**
 * File names are bytes, not text. In memory a name is a *byte string*: a JavaScript string with one
 * character (U+0000–U+00FF) a byte. Comparing byte strings with `<` compares bytes, and a `Map` can key
 * on them. Text goes in and comes out only here.
 */

declare const byteNameBrand: unique symbol

/** One path segment, or several joined by `/`, one character a byte. */
export type ByteName = string & { readonly [byteNameBrand]: true }

export function nameFromBytes(bytes: Uint8Array): ByteName {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as ByteName
}

export function nameToBytes(name: ByteName): Buffer {
  return Buffer.from(name, 'latin1')
}

const ASCII_PATTERN = /^[\u0000-\u007f]*$/

export function nameFromText(text: string): ByteName {
  return (ASCII_PATTERN.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as ByteName
}

/** For people: bytes that are not UTF-8 show as U+FFFD. */
export function nameToText(name: ByteName): string {
  return ASCII_PATTERN.test(name) ? name : Buffer.from(name, 'latin1').toString('utf8')
}

export function joinNames(parent: ByteName, child: ByteName): ByteName {
  return (parent === '' ? child : `${parent}/${child}`) as ByteName
}

export const ROOT_NAME = '' as ByteName
