# frozen_string_literal: true

# What a job template sees while it is evaluated: p, if_p, link, if_link, spec, name, index, properties, raw_properties.
# The semantics are those of the public job-template contract.

require 'ostruct'

class Object
  def blank?
    respond_to?(:empty?) ? !!empty? : !self
  end

  def present?
    !blank?
  end

  def presence
    self if present?
  end
end

class String
  def blank?
    strip.empty?
  end
end

module Meristem
  class UnknownProperty < StandardError
    def initialize(names)
      super("Can't find property '#{names.inspect}'")
    end
  end

  class UnknownLink < StandardError
    def initialize(name)
      super("Can't find link '#{name}'")
    end
  end

  # Hashes as objects, all the way down.
  module Open
    def self.wrap(value)
      case value
      when Hash then OpenStruct.new(value.transform_values { |inner| wrap(inner) })
      when Array then value.map { |inner| wrap(inner) }
      else value
      end
    end
  end

  # Looks up dotted names in nested hashes; nil counts as unset, false as set.
  module Lookup
    def self.find(document, name)
      name.split('.').reduce(document) do |inner, part|
        return nil unless inner.is_a?(Hash)

        inner[part]
      end
    end

    def self.property(document, names, fallback)
      list = Array(names)
      list.each do |one|
        value = find(document, one)
        return value unless value.nil?
      end
      return fallback.first unless fallback.empty?

      raise UnknownProperty, list
    end
  end

  # What if_p and if_link answer when their block ran: later alternatives stay quiet.
  class Taken
    def else; end

    def else_if_p(*_names)
      self
    end

    def else_if_link(_name)
      self
    end
  end

  # ... and when it did not: the alternatives are tried on the same context.
  class Passed
    def initialize(context)
      @context = context
    end

    def else
      yield
    end

    def else_if_p(*names, &block)
      @context.if_p(*names, &block)
    end

    def else_if_link(name, &block)
      @context.if_link(name, &block)
    end
  end

  # p and if_p over one set of properties.
  module Properties
    # as objects, made when a template asks: a link may tell of a thousand instances
    def properties
      @properties ||= Open.wrap(@raw_properties)
    end

    def p(names, *fallback)
      Lookup.property(@raw_properties, names, fallback)
    end

    def if_p(*names)
      values = names.map { |one| Lookup.find(@raw_properties, one) }
      return Passed.new(self) if values.any?(&:nil?)

      yield(*values)
      Taken.new
    end
  end

  # An instance of the providing group.
  class LinkInstance
    include Properties

    attr_reader :name, :index, :id, :az, :address, :bootstrap

    def initialize(data)
      @name, @index, @id, @az, @address = data.values_at('name', 'index', 'id', 'az', 'address')
      @bootstrap = data['bootstrap']
      @raw_properties = data['properties'] || {}
    end

    def if_link(name)
      raise UnknownLink, name
    end
  end

  # A link as its consumer sees it.
  class Link
    include Properties

    STATUS = { 'default' => 's0', 'unhealthy' => 's1', 'healthy' => 's3', 'all' => 's4' }.freeze
    CHECK = { 'asynchronous' => 'y0', 'synchronous' => 'y1' }.freeze

    attr_reader :instances, :instance_group, :group_name

    def initialize(data)
      @data = data
      @raw_properties = data['properties'] || {}
      @instances = (data['instances'] || []).map { |one| LinkInstance.new(one) }
      @instance_group = data['instance_group']
      @group_name = data['group_name']
    end

    def if_link(name)
      raise UnknownLink, name
    end

    # The manual link's own address, or the DNS name that asks for the group.
    def address(azs: [], status: nil, initial_health_check: nil)
      return @data['address'] if @data['address']

      codes = []
      codes += azs.map { |az| "a#{zone(az)}" }
      codes << STATUS.fetch(status || 'default') { raise ArgumentError, "status '#{status}' is none of #{STATUS.keys.join(', ')}" }
      codes << CHECK.fetch(initial_health_check) if initial_health_check
      labels = [@data['instance_group'], @data['default_network'], @data['deployment_name']].map { |one| canonical(one) }
      "q-#{codes.sort.join}.#{labels.join('.')}.#{@data['domain'] || 'bosh'}"
    end

    private

    def canonical(text)
      text.to_s.downcase.tr('_', '-').gsub(/[^a-z0-9-]/, '')
    end

    def zone(name)
      numbers = @data['az_numbers'] || {}
      numbers.fetch(name) { raise ArgumentError, "unknown availability zone '#{name}'" }
    end
  end

  # The binding in which the templates of one job on one instance are evaluated.
  class Evaluation
    include Properties

    attr_reader :spec, :name, :index, :raw_properties

    def initialize(context)
      @raw_properties = context['properties'] || {}
      @spec = Open.wrap(context['spec'])
      @name = context['spec']['name']
      @index = context['spec']['index']
      @links = context['links'] || {}
    end

    def link(name)
      found = @links[name]
      raise UnknownLink, name unless found

      Link.new(found)
    end

    def if_link(name)
      return Passed.new(self) unless @links[name]

      yield link(name)
      Taken.new
    end

    def open_binding
      binding
    end
  end
end
