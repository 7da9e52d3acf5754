/** A writer that keeps nothing: what the id of a content would be, without storing it. */
import type { Hash } from '../base/hash.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import type { Hasher } from '../codec/hasher.js'
import type { Kind } from '../format/kinds.js'
import type { StoreProfile } from '../format/profile.js'

export class IdsOnly implements ObjectWriter {
  constructor(
    private readonly reader: ObjectReader,
    readonly profile: StoreProfile,
    private readonly hasher: Hasher,
  ) {}

  async put(kind: Kind, bytes: Uint8Array): Promise<Hash> {
    return this.hasher.id(kind, bytes)
  }

  get(kind: Kind, id: Hash): Promise<Buffer> {
    return this.reader.get(kind, id)
  }

  getMany(...parameters: Parameters<ObjectReader['getMany']>): ReturnType<ObjectReader['getMany']> {
    return this.reader.getMany(...parameters)
  }

  readAhead(kind: Kind, ids: readonly Hash[]): void {
    this.reader.readAhead(kind, ids)
  }
}
