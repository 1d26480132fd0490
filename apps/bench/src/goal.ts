export interface Goal {
  readonly what: string
  readonly most: number
  readonly measured: number
  readonly isMet: boolean
}

/** A bound that a figure should not pass; inclusive. */
export const atMost = (what: string, most: number, measured: number): Goal => ({
  what,
  most,
  measured,
  isMet: measured <= most,
})

export interface Floor {
  readonly what: string
  readonly least: number
  readonly measured: number
  readonly isMet: boolean
}

/** A bound that a figure should reach; inclusive. */
export const atLeast = (what: string, least: number, measured: number): Floor => ({
  what,
  least,
  measured,
  isMet: measured >= least,
})
