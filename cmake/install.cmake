# What `cmake --install` puts where: library, header, command, pkg-config, find_package(idim), and
# the manual page and completions, which the command prints from its settings table.
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated})
add_custom_command(OUTPUT ${generated}/idim.1 ${generated}/idim.bash ${generated}/_idim
        ${generated}/idim.fish
    COMMAND idim_command --man > ${generated}/idim.1
    COMMAND idim_command --completion bash > ${generated}/idim.bash
    COMMAND idim_command --completion zsh > ${generated}/_idim
    COMMAND idim_command --completion fish > ${generated}/idim.fish
    DEPENDS idim_command VERBATIM)
add_custom_target(manual ALL DEPENDS ${generated}/idim.1)

# idim.pc finds its prefix from where it lies, so an installed tree can be moved
file(RELATIVE_PATH IDIM_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" IDIM_PC_TO_PREFIX "${IDIM_PC_TO_PREFIX}")
configure_file(cmake/idim.pc.in ${generated}/idim.pc @ONLY)
configure_package_config_file(cmake/idimConfig.cmake.in ${generated}/idimConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/idim)
write_basic_package_version_file(${generated}/idimConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)

install(TARGETS idim EXPORT idim LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS idim_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES include/idim.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${generated}/idim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT idim NAMESPACE idim:: FILE idimTargets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/idim)
install(FILES ${generated}/idimConfig.cmake ${generated}/idimConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/idim)
install(FILES ${generated}/idim.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${generated}/idim.bash RENAME idim
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${generated}/_idim DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${generated}/idim.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
