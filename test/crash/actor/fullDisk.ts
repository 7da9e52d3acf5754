export async function fillDisk(): Promise<void> {
  throw new Error('not yet')
}
