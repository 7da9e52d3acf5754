/**
 * ARC(c) of Megiddo and Modha, FAST 2003, figure 4, written down as it is printed: pages of one size, lists as arrays with the page
 * used last (MRU) first. For comparison alone: it is slow.
 */
export class PaperArc {
  t1: number[] = []
  t2: number[] = []
  b1: number[] = []
  b2: number[] = []
  p = 0

  constructor(private readonly c: number) {}

  /** @returns whether it was a hit */
  request(x: number): boolean {
    const { c } = this
    // Case I
    if (this.t1.includes(x) || this.t2.includes(x)) {
      this.t1 = this.t1.filter((page) => page !== x)
      this.t2 = [x, ...this.t2.filter((page) => page !== x)]
      return true
    }
    // Case II
    if (this.b1.includes(x)) {
      const delta = this.b1.length >= this.b2.length ? 1 : this.b2.length / this.b1.length
      this.p = Math.min(this.p + delta, c)
      this.replace(x)
      this.b1 = this.b1.filter((page) => page !== x)
      this.t2 = [x, ...this.t2]
      return false
    }
    // Case III
    if (this.b2.includes(x)) {
      const delta = this.b2.length >= this.b1.length ? 1 : this.b1.length / this.b2.length
      this.p = Math.max(this.p - delta, 0)
      this.replace(x)
      this.b2 = this.b2.filter((page) => page !== x)
      this.t2 = [x, ...this.t2]
      return false
    }
    // Case IV
    const l1 = this.t1.length + this.b1.length
    const all = l1 + this.t2.length + this.b2.length
    if (l1 === c) {
      if (this.t1.length < c) {
        this.b1.pop()
        this.replace(x)
      } else this.t1.pop()
    } else if (all >= c) {
      if (all === 2 * c) this.b2.pop()
      this.replace(x)
    }
    this.t1 = [x, ...this.t1]
    return false
  }

  private replace(x: number): void {
    const length = this.t1.length
    if (length >= 1 && ((this.b2.includes(x) && length === this.p) || length > this.p)) {
      this.b1 = [this.t1.pop() as number, ...this.b1]
    } else this.b2 = [this.t2.pop() as number, ...this.b2]
  }
}
