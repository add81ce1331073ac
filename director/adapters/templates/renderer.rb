# frozen_string_literal: true

# A warm Ruby: it has loaded what templates use, and forks one child per batch, so that no template leaves anything behind.
# Input and output are frames: a line with the length in bytes, then that many bytes of JSON.

require 'base64'
require 'digest'
require 'erb'
require 'etc'
require 'ipaddr'
require 'json'
require 'openssl'
require 'resolv'
require 'securerandom'
require 'set'
require 'shellwords'
require 'time'
require 'uri'
require 'yaml'
require_relative 'evaluation'

$stdout.binmode
$stdin.binmode

def line_of(error, source)
  place = error.is_a?(SyntaxError) ? error.message : Array(error.backtrace).find { |one| one.start_with?("#{source}:") }
  found = place.to_s.match(/#{Regexp.escape(source)}:(\d+)/)
  found ? found[1] : '?'
end

def fill(template, context)
  erb = ERB.new(template['text'], trim_mode: '-')
  erb.filename = template['source']
  { 'destination' => template['destination'], 'text' => erb.result(Meristem::Evaluation.new(context).open_binding) }
rescue StandardError, ScriptError, SystemStackError => e
  message = e.message.to_s.lines.first.to_s.strip
  { 'error' => "Error filling in template '#{template['source']}' (line #{line_of(e, template['source'])}: #{message})" }
end

def render(batch, shared)
  batch.map do |job|
    context = job['context'].transform_values { |place| JSON.parse(shared[place]) }
    { 'files' => job['templates'].map { |one| fill(one, context) } }
  end
end

# A template may write nothing, open no socket to anybody and must end: it runs as nobody, in the namespace without network
# that this program was started in, with limits.
def confine(seconds, memory)
  Process.setrlimit(Process::RLIMIT_CPU, seconds)
  Process.setrlimit(Process::RLIMIT_AS, memory)
  Process.setrlimit(Process::RLIMIT_NOFILE, 64)
  Process.setrlimit(Process::RLIMIT_FSIZE, 0)
  return unless Process.uid.zero?

  nobody = Etc.getpwnam('nobody')
  Process::Sys.setgid(nobody.gid)
  Process::Sys.setuid(nobody.uid)
end

def frame(text)
  $stdout.write("#{text.bytesize}\n", text)
  $stdout.flush
end

while (head = $stdin.gets)
  request = JSON.parse($stdin.read(Integer(head)))
  reader, writer = IO.pipe
  child = fork do
    reader.close
    $stdin.close
    $stdout.reopen(File::NULL)
    confine(request['seconds'], request['memory'])
    writer.write(JSON.generate(render(request['batch'], request['shared'])))
    writer.close
    exit!(0)
  end
  writer.close
  killer = Thread.new do
    sleep(request['seconds'] + 1)
    Process.kill('KILL', child)
  rescue Errno::ESRCH
    nil
  end
  answer = reader.read
  reader.close
  _, status = Process.wait2(child)
  killer.kill
  if status.success?
    frame("{\"result\":#{answer}}")
  else
    reason = status.signaled? ? "killed by signal #{status.termsig} (time or memory limit)" : "ended with #{status.exitstatus}"
    frame(JSON.generate('error' => "Rendering #{reason}"))
  end
end
