/** A product of the demo's shop. */
export interface Product {
  readonly id: number
  readonly name: string
  readonly brand: string
  readonly category: string
  readonly colour: string
  readonly price: number
  readonly stock: number
  readonly description: string
}

interface Category {
  readonly name: string
  readonly nouns: readonly string[]
  readonly materials: readonly string[]
  readonly uses: readonly string[]
  /** Price range in whole euros. */
  readonly price: readonly [number, number]
}

const list = (text: string): readonly string[] => text.split(', ')

const CATEGORIES: readonly Category[] = [
  {
    name: 'footwear',
    nouns: list('hiking boots, running shoes, sandals, winter boots, sneakers, slippers'),
    materials: list('leather, mesh, suede, rubber'),
    uses: list('long mountain trails, wet city streets, your daily run, icy mornings'),
    price: [35, 240],
  },
  {
    name: 'kitchen',
    nouns: list('chef knife, frying pan, espresso machine, kettle, cutting board, stock pot'),
    materials: list('stainless steel, cast iron, bamboo, copper'),
    uses: list('quick weekday dinners, a slow Sunday roast, the first coffee of the day, small kitchens'),
    price: [18, 420],
  },
  {
    name: 'outdoor',
    nouns: list('two-person tent, sleeping bag, backpack, camping stove, headlamp, trekking poles'),
    materials: list('ripstop nylon, aluminium, titanium, recycled polyester'),
    uses: list('nights above the tree line, weekend camping, ultralight tours, heavy rain'),
    price: [25, 560],
  },
  {
    name: 'audio',
    nouns: list('wireless headphones, bookshelf speakers, turntable, soundbar, earbuds, microphone'),
    materials: list('walnut, anodised aluminium, fabric, matte plastic'),
    uses: list('noisy trains, late-night listening, clear calls, a living room full of friends'),
    price: [40, 900],
  },
  {
    name: 'office',
    nouns: list('standing desk, desk lamp, office chair, mechanical keyboard, notebook, monitor arm'),
    materials: list('oak, steel, mesh, recycled paper'),
    uses: list('long working days, a tidy desk, home offices, focused writing'),
    price: [8, 700],
  },
  {
    name: 'cycling',
    nouns: list('gravel bike, bike helmet, rear light, saddle bag, cycling jersey, floor pump'),
    materials: list('carbon, merino wool, steel, waxed canvas'),
    uses: list('gravel roads, the daily commute, bikepacking, dark winter evenings'),
    price: [15, 2400],
  },
  {
    name: 'home',
    nouns: list('wool blanket, reading chair, floor lamp, bookshelf, rug, curtain'),
    materials: list('merino wool, linen, ash wood, cotton'),
    uses: list('cold evenings, quiet corners, small flats, bright bedrooms'),
    price: [20, 800],
  },
  {
    name: 'garden',
    nouns: list('pruning shears, watering can, raised bed, garden hose, wheelbarrow, bird feeder'),
    materials: list('galvanised steel, cedar wood, brass, recycled plastic'),
    uses: list('balcony tomatoes, old apple trees, dry summers, hungry birds'),
    price: [9, 260],
  },
  {
    name: 'toys',
    nouns: list('building blocks, puzzle, wooden train, board game, kite, telescope'),
    materials: list('beech wood, cardboard, cotton, aluminium'),
    uses: list('rainy afternoons, curious children, the whole family, clear nights'),
    price: [7, 190],
  },
  {
    name: 'photo',
    nouns: list('tripod, camera bag, prime lens, film camera, memory card, ring light'),
    materials: list('carbon fibre, canvas, glass, magnesium'),
    uses: list('street photography, low light, studio portraits, travel'),
    price: [15, 1800],
  },
  {
    name: 'fitness',
    nouns: list('yoga mat, kettlebell, rowing machine, jump rope, resistance bands, foam roller'),
    materials: list('natural rubber, cast iron, cork, steel'),
    uses: list('morning stretching, strength at home, sore muscles, short breaks'),
    price: [10, 1100],
  },
  {
    name: 'travel',
    nouns: list('carry-on suitcase, packing cubes, travel pillow, passport wallet, duffel bag, rain jacket'),
    materials: list('polycarbonate, waxed canvas, leather, recycled nylon'),
    uses: list('overnight flights, long weekends, rainy cities, crowded stations'),
    price: [12, 480],
  },
]

const BRANDS = list(
  'Nordvik, Alpenglow, Kestrel, Ostra, Lumen & Oak, Fjordline, Tamaki, Solara, Brightwater, Casa Verde, Pico, Halden, Marlowe, Juniper, Orso, Velde',
)
const ADJECTIVES = list(
  'waterproof, lightweight, compact, foldable, classic, rugged, insulated, quiet, durable, elegant, vintage, modern, soft, heavy-duty, ergonomic, breathable',
)
const COLOURS = list('black, sand, forest green, navy blue, terracotta, cream, slate grey, mustard yellow')

/** mulberry32 (Ettinger): the same products from the same seed everywhere. Values in [0, 1). */
const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** `count` products with ids from `firstId` on; equal arguments give equal products. */
export const makeProducts = (seed: number, count: number, firstId = 1): Product[] => {
  const random = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  return Array.from({ length: count }, (_, index) => {
    const category = pick(CATEGORIES)
    const [adjective, second, brand, colour] = [pick(ADJECTIVES), pick(ADJECTIVES), pick(BRANDS), pick(COLOURS)]
    const [noun, material, use] = [pick(category.nouns), pick(category.materials), pick(category.uses)]
    const [low, high] = category.price
    return {
      id: firstId + index,
      name: `${brand} ${adjective} ${noun}`,
      brand,
      category: category.name,
      colour,
      price: Math.round(low + (high - low) * random() ** 2) + 0.9,
      stock: Math.floor(random() * 200),
      description: `${capital(adjective)}${second === adjective ? '' : ` and ${second}`} ${noun} in ${colour}, made of ${material}. Made for ${use}.`,
    }
  })
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** What the product's vector is made from. */
export const productText = (product: Product): string => `${product.name}. ${product.category}. ${product.description}`
