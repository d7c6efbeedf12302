/** Who is due first, among very many: a binary heap whose items know their place. */

export interface Due {
  /** Unix milliseconds. */
  due: number
  /** Where it stands in the heap; −1 outside of it. */
  place: number
}

export interface DueHeap<A extends Due> {
  readonly size: () => number
  readonly first: () => A | undefined
  /** Puts an item in, or moves it to where it belongs now. */
  readonly put: (item: A, due: number) => void
  readonly remove: (item: A) => void
}

export const make = <A extends Due>(): DueHeap<A> => {
  const items: Array<A> = []

  const set = (item: A, place: number): void => {
    items[place] = item
    item.place = place
  }

  const rise = (item: A): void => {
    let place = item.place
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = items[above]!
      if (parent.due <= item.due) break
      set(parent, place)
      place = above
    }
    set(item, place)
  }

  const sink = (item: A): void => {
    let place = item.place
    while (true) {
      const left = place * 2 + 1
      const right = left + 1
      if (left >= items.length) break
      const below = right < items.length && items[right]!.due < items[left]!.due ? right : left
      const child = items[below]!
      if (child.due >= item.due) break
      set(child, place)
      place = below
    }
    set(item, place)
  }

  return {
    size: () => items.length,
    first: () => items[0],
    put: (item, due) => {
      item.due = due
      if (item.place < 0) set(item, items.length)
      rise(item)
      sink(item)
    },
    remove: (item) => {
      const { place } = item
      if (place < 0) return
      item.place = -1
      const last = items.pop()
      if (last === undefined || last === item) return
      set(last, place)
      rise(last)
      sink(last)
    }
  }
}
