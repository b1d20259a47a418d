# A Rack application with a path that fails. The SDK reads SENTRY_DSN.
require "rack"
require "sentry-ruby"

Sentry.init do |config|
  config.release = "shop@1.2.3"
  config.environment = "staging"
  config.server_name = "web-1"
  # What lies in its folder `app` is the application.
  config.project_root = File.expand_path("..", __dir__)
  config.capture_exception_frame_locals = true
  # Sends at once, in the thread that reports.
  config.background_worker_threads = 0
end

class NoPriceError < StandardError
end

def price_of(sku)
  prices = { "LMP-0417" => 12_900 }
  prices.fetch(sku)
rescue KeyError
  raise NoPriceError, "no price for #{sku}"
end

def total(skus)
  skus.sum { |sku| price_of(sku) }
end

shop = lambda do |_env|
  Sentry.set_user(id: "42", email: "kim@example.org")
  Sentry.set_tags(cohort: "b")
  Sentry.set_extras(attempt: 3)
  Sentry.add_breadcrumb(Sentry::Breadcrumb.new(category: "cart", message: "cart opened"))
  Sentry.capture_message("A checkout began", level: :info)
  [200, {}, [total(%w[LMP-0417 RUG-7720]).to_s]]
end

begin
  client = Rack::MockRequest.new(Sentry::Rack::CaptureExceptions.new(shop))
  client.post("https://shop.example.org/checkout/17?people=2", "HTTP_USER_AGENT" => "Shopper/1.0")
rescue NoPriceError
  # What a server would do: it answers 500, and goes on.
end
