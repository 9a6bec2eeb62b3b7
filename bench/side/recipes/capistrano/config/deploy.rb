set :application, "bench"
set :repo_url, ENV.fetch("BENCH_ORIGIN")
set :branch, ENV.fetch("BENCH_VERSION")
set :deploy_to, ENV.fetch("BENCH_APP")
set :linked_dirs, ["uploads"]
set :keep_releases, 5

namespace :bench do
  task(:install) { on(release_roles(:all)) { within(release_path) { execute ENV.fetch("BENCH_INSTALL") } } }
  task(:migrate) { on(primary(:db)) { within(release_path) { execute ENV.fetch("BENCH_MIGRATE") } } }
  task(:collect) { on(release_roles(:all)) { within(release_path) { execute ENV.fetch("BENCH_COLLECT") } } }
  task(:restart) { on(release_roles(:all)) { execute ENV.fetch("BENCH_RESTART") } }
end
before "deploy:publishing", "bench:install"
after "bench:install", "bench:migrate"
after "bench:migrate", "bench:collect"
after "deploy:publishing", "bench:restart"
