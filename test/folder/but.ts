import type { FileSystem, OpenFile } from '../../src/base/filesystem.js'

/** An object with some methods of its own. */
export function but<T extends FileSystem | OpenFile>(inner: T, methods: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
