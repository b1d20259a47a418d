import type { Article, Cart } from "./cart";

const stock = new Map<string, Article>([["LMP-0417", { sku: "LMP-0417", cents: 12900 }]]);

export function checkout(cart: Cart, skus: string[]): number {
  for (const sku of skus) {
    cart.add(stock.get(sku));
  }
  return cart.total();
}
