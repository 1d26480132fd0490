declare const brand: unique symbol
/** A value that was parsed once, at the door, and may be trusted from then on. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
