/** Paths from the root of a folder, as byte strings. */
import { type ByteName, ROOT_NAME } from '../base/names.js'

/** Whether `path` is `ancestor` or lies below it. */
export function isAtOrBelow(path: ByteName, ancestor: ByteName): boolean {
  return ancestor === ROOT_NAME || path === ancestor || path.startsWith(`${ancestor}/`)
}

/** The root for what lies in it, and for itself. */
export function parentOf(path: ByteName): ByteName {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ByteName
}

export function lastSegment(path: ByteName): ByteName {
  return path.slice(path.lastIndexOf('/') + 1) as ByteName
}

/** For `sort`: in the order of path bytes. */
export function byPath(a: { readonly path: ByteName }, b: { readonly path: ByteName }): number {
  return a.path < b.path ? -1 : 1
}
