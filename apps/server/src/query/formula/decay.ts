import type { DecayKind } from './expression.js'

/** So steep that at `scale` from the target the decay has come down to `midpoint`. */
export const decayRate = (shape: DecayKind, midpoint: number, scale: number): number => {
  if (shape === 'lin') return (1 - midpoint) / scale
  return shape === 'exp' ? Math.log(midpoint) / scale : Math.log(midpoint) / scale ** 2
}

/** 1 at the target, falling towards 0 on both sides. */
export const decay = (shape: DecayKind, x: number, target: number, rate: number): number => {
  const distance = Math.abs(x - target)
  if (shape === 'lin') return Math.max(0, 1 - rate * distance)
  return Math.exp(rate * (shape === 'exp' ? distance : distance ** 2))
}
