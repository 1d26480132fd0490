/** The distinct lists of vector names that puts have, numbered: a collection has very few, so a slot holds a number, and its names are known without reading a block. */
export class ShapeTable {
  readonly #numbers = new Map<string, number>()
  readonly #names: (readonly string[])[] = []
  /** The one that was asked for last: most likely the next one too. */
  #last = -1

  number(names: readonly string[]): number {
    const last = this.#names[this.#last]
    if (last?.length !== names.length || !names.every((name, i) => name === last[i])) this.#last = this.#find(names)
    return this.#last
  }

  #find(names: readonly string[]): number {
    const key = JSON.stringify(names)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#names.push([...names]) - 1
    this.#numbers.set(key, number)
    return number
  }

  names(number: number): readonly string[] {
    return this.#names[number]!
  }
}
