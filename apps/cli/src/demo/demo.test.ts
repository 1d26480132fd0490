import { expect, test } from 'vitest'
import { EMBEDDING_DIMS, embed, words } from './embedder.js'
import { makeProducts, productText } from './products.js'

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
const similarity = (a: string, b: string): number => dot(embed(a), embed(b))

test('[CD1] every text gives a finite unit vector, the empty one too, and always the same', () => {
  for (const text of ['', '  ...', 'the', 'a', 'waterproof hiking boots', 'naïve CAFÉ 北京', 'x'.repeat(5000)]) {
    const vector = embed(text)
    expect(vector.length).toBe(EMBEDDING_DIMS)
    expect(Math.abs(dot(vector, vector) - 1)).toBeLessThan(1e-5)
    expect(embed(text)).toEqual(vector)
  }
})

test('[CD1] case, accents, punctuation and small words change nothing', () => {
  expect(words('Naïve CAFÉ, 3-gram!')).toEqual(['naive', 'cafe', '3', 'gram'])
  expect(embed('The Café: of Paris!')).toEqual(embed('cafe paris'))
})

test('[CD2] similar texts are near, word forms and typing errors too; foreign ones are far', () => {
  const query = 'waterproof hiking boots'
  const near = ['Nordvik waterproof hiking boots', 'hiking boot, waterproof', 'watreproof hikng boots']
  const far = ['espresso machine in copper', 'wooden train for curious children', 'quiet office chair']
  const least = Math.min(...near.map((text) => similarity(query, text)))
  const most = Math.max(...far.map((text) => similarity(query, text)))
  expect(least).toBeGreaterThan(0.3)
  expect(most).toBeLessThan(0.25)
  expect(similarity(query, near[0]!)).toBeGreaterThan(similarity(query, near[2]!))
})

test('[CD2] searching the products finds what was asked for', () => {
  const products = makeProducts(7, 3000)
  const vectors = products.map((product) => embed(productText(product)))
  for (const [query, noun] of [
    ['waterproof hiking boots', 'hiking boots'],
    ['quiet espresso machine for small kitchens', 'espresso machine'],
    ['two-person tent for nights in the rain', 'tent'],
  ] as const) {
    const target = embed(query)
    const best = products
      .map((product, i) => ({ product, score: dot(target, vectors[i]!) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 5)
    for (const { product } of best) expect(product.name).toContain(noun)
  }
})

test('[CD3] the generator is a function of its seed, with ids in a row and sane values', () => {
  const products = makeProducts(1, 500, 10)
  expect(makeProducts(1, 500, 10)).toEqual(products)
  expect(makeProducts(2, 500, 10)).not.toEqual(products)
  expect(products.map((product) => product.id)).toEqual(Array.from({ length: 500 }, (_, i) => i + 10))
  for (const product of products) {
    expect(product.price).toBeGreaterThan(5)
    expect(Number.isInteger(product.stock)).toBe(true)
    expect(productText(product)).not.toMatch(/undefined|NaN/)
  }
  expect(new Set(products.map((product) => product.category)).size).toBe(12)
})
